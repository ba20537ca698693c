"""Made-up stones."""

from __future__ import annotations

import numpy as np
import polars as pl


def rows(count: int = 300, seed: int = 7) -> pl.DataFrame:
    """`count` rows, the same for the same seed."""
    draw = np.random.default_rng(seed)
    carat = draw.uniform(0.2, 3, count).round(2)
    return pl.DataFrame({"carat": carat, "price": (1000 * carat + draw.normal(0, 20, count)).round(2) + 500})
