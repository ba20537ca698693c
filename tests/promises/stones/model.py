"""A small application that trains in seconds: two models that between them have every kind of field."""

from __future__ import annotations

from typing import Any

import assay


class Stone(assay.Input):
    """What most tests ask about: numbers in a range, and words."""

    carat: float = assay.Number(above=0, at_most=20, unit="ct", example=1.0)
    depth: float = assay.Number(at_least=-100, at_most=1e17, example=61.0)
    cut: str = assay.Grade("Fair", "Good", "Ideal", example="Ideal")
    color: str = assay.Category("D", "E", "F", example="E")


class Note(assay.Input):
    """A free text, a whole number, a truth and something that may be missing."""

    text: str = assay.Text(max_length=70_000, example="a note")
    count: int = assay.Integer(at_least=-(2**53), at_most=2**53, example=3)
    weight: float = assay.Number(example=1.0)
    urgent: bool = assay.Boolean(example=True)
    discount: float | None = assay.Number(nullable=True, example=0.5)


stones = assay.Model(
    "stones",
    input=Stone,
    target="price",
    unit="USD",
    floor=1.0,
    decimals=4,
    similar_by="carat",
    segments={"carat": [0, 1]},
)
notes = assay.Model("notes", input=Note, target="price")


@stones.recipe
def linear() -> Any:
    """Linear in weight and depth."""
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    from assay.recipes import one_hot

    return make_pipeline(one_hot(Stone, ["carat", "cut", "color"]), LinearRegression())


@stones.recipe
def boosted() -> Any:
    """A few trees."""
    from sklearn.pipeline import make_pipeline
    from xgboost import XGBRegressor

    from assay.recipes import ordinal

    return make_pipeline(ordinal(Stone), XGBRegressor(n_estimators=20, max_depth=3, n_jobs=1))


@notes.recipe
def plain() -> Any:
    """Linear in the weight alone."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(ColumnTransformer([("weight", "passthrough", ["weight"])]), LinearRegression())
