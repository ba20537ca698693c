"""What is this stone worth?"""

from __future__ import annotations

from typing import Any

import polars as pl

import assay


class Stone(assay.Input):
    """A cut diamond, as its certificate describes it."""

    carat: float = assay.Number(above=0, at_most=20, unit="ct", description="Weight", example=1.0)
    # The trade's order. The notebook that this began with had Ideal below Premium.
    cut: str = assay.Grade(
        "Fair", "Good", "Very Good", "Premium", "Ideal", description="Quality of the cut", example="Ideal"
    )
    color: str = assay.Grade(*"JIHGFED", description="Colour, from tinted (J) to colourless (D)", example="E")
    clarity: str = assay.Grade(
        "I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF",
        description="Purity, from visible inclusions (I1) to flawless (IF)", example="VVS1",
    )  # fmt: skip
    depth: float = assay.Number(at_least=40, at_most=85, unit="%", description="Height, of the width", example=61.0)
    table: float = assay.Number(at_least=40, at_most=100, unit="%", description="Top facet, of the width", example=55.0)
    x: float = assay.Number(above=0, at_most=60, unit="mm", description="Length", example=6.5)
    y: float = assay.Number(above=0, at_most=60, unit="mm", description="Width", example=6.5)
    z: float = assay.Number(above=0, at_most=40, unit="mm", description="Height", example=4.0)


price = assay.Model(
    "diamond-price",
    input=Stone,
    target="price",
    unit="USD",
    floor=1.0,
    decimals=2,
    metric="mae",
    segments={"carat": [0, 0.5, 1, 1.5, 2]},
    similar_by="carat",
)


@price.clean
def plausible(rows: pl.DataFrame) -> pl.Series:
    """Stones without a size or a price are clerical errors."""
    return (rows["x"] * rows["y"] * rows["z"] > 0) & (rows["price"] > 0)


# Each recipe imports what it needs: answering needs none of it, and starts faster without.
LOOKS = ["carat", "cut", "color", "clarity", "x"]
RISING = {
    "weight": "carat / (carat + 1)",  # each further carat adds less to the logarithm
    "spread": "carat / (carat + 0.5)",
    "purity": "clarity / (clarity + 1)",  # the first steps up from visible inclusions matter most
    "rarity": "color * clarity",
}


@price.recipe
def linear() -> Any:
    """Linear in weight, length and grades: easy to read, and wrong for the smallest stones."""
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    from assay.recipes import one_hot

    return make_pipeline(one_hot(Stone, LOOKS), LinearRegression())


@price.recipe
def log_linear() -> Any:
    """The same on the logarithm of the price: each quality adds a percentage, and no price is below nought."""
    from assay.recipes import on_log_target

    return on_log_target(linear())


@price.recipe
def positive() -> Any:
    """Linear on the logarithm, where no better grade and no more weight can ever lower the price."""
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    from assay.recipes import on_log_target, ordinal

    features = ordinal(Stone, derive=RISING, keep=["cut", "color", "clarity"])
    return on_log_target(make_pipeline(features, LinearRegression(positive=True)))


@price.recipe(trials=100)
def boosted(trial: Any) -> Any:
    """Boosted trees on the logarithm, their settings searched."""
    from sklearn.pipeline import make_pipeline
    from xgboost import XGBRegressor

    from assay.recipes import on_log_target, ordinal

    trees = XGBRegressor(
        reg_lambda=trial.suggest_float("lambda", 1e-8, 1.0, log=True),
        reg_alpha=trial.suggest_float("alpha", 1e-8, 1.0, log=True),
        colsample_bytree=trial.suggest_categorical("colsample_bytree", [0.3, 0.4, 0.5, 0.7]),
        subsample=trial.suggest_categorical("subsample", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        learning_rate=trial.suggest_float("learning_rate", 1e-8, 1.0, log=True),
        n_estimators=trial.suggest_int("n_estimators", 100, 1000),
        max_depth=trial.suggest_int("max_depth", 3, 9),
        min_child_weight=trial.suggest_int("min_child_weight", 1, 10),
        random_state=42,
        n_jobs=1,
    )
    return on_log_target(make_pipeline(ordinal(Stone), trees))


@price.recipe
def staged() -> Any:
    """A smooth curve through weight and grades first, then trees on what it leaves, judged by absolute error."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from xgboost import XGBRegressor

    from assay.recipes import in_stages, on_log_target, ordinal

    curve = {"length squared": "x * x", "weight squared": "carat * carat"}
    sizes = {
        "volume": "x * y * z",
        "density": "carat / (x * y * z)",
        "roundness": "x / y",
        "grade": "color + clarity",
        "weight by clarity": "carat * clarity",
        "weight by color": "carat * color",
        "weight by grade": "carat * (color + clarity)",
        "worth": "carat * (color + 4) * (clarity + 4)",
    }
    trees = XGBRegressor(
        objective="reg:absoluteerror", n_estimators=450, max_depth=6, learning_rate=0.04, subsample=0.7,
        colsample_bytree=0.5, min_child_weight=12, reg_lambda=0.05, reg_alpha=0.01, base_score=0.0,
        random_state=42, n_jobs=1,
    )  # fmt: skip
    smooth = make_pipeline(ordinal(Stone, LOOKS, derive=curve), Ridge(alpha=1e-3))
    return on_log_target(in_stages(smooth, make_pipeline(ordinal(Stone, derive=sizes), trees)))
