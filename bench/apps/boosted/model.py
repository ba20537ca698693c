"""The benchmark's model: 300 XGBoost trees of depth 6, exactly as the servers that it is compared with have them."""

from typing import Any

import assay


class Stone(assay.Input):
    """A cut diamond, without ranges: the servers that it is compared with check none."""

    carat: float = assay.Number(example=0.31)
    cut: str = assay.Category("Fair", "Good", "Ideal", "Premium", "Very Good", example="Ideal")
    color: str = assay.Category(*"DEFGHIJ", example="D")
    clarity: str = assay.Category("I1", "IF", "SI1", "SI2", "VS1", "VS2", "VVS1", "VVS2", example="VS1")
    depth: float = assay.Number(example=60.6)
    table: float = assay.Number(example=57.0)
    x: float = assay.Number(example=4.36)
    y: float = assay.Number(example=4.39)
    z: float = assay.Number(example=2.65)


# The others learn from one row twice, too.
price = assay.Model("diamond-price", input=Stone, target="price", unit="USD", seed=0, keep_equal=True)


@price.recipe
def boosted() -> Any:
    """Plain codes for the words, and no tuning."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder
    from xgboost import XGBRegressor

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer(
        [
            ("cat", codes, ["cut", "color", "clarity"]),
            ("num", "passthrough", ["carat", "depth", "table", "x", "y", "z"]),
        ]
    )
    return Pipeline([("prep", columns), ("model", XGBRegressor(n_estimators=300, max_depth=6, n_jobs=1))])
