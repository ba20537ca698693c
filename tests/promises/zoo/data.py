"""Rows for both models, none of which misbehaves."""

from __future__ import annotations

import numpy as np
import polars as pl


def rows(count: int = 120, seed: int = 7) -> pl.DataFrame:
    """`count` rows, the same for the same seed; the price is about twice the weight."""
    draw = np.random.default_rng(seed)
    weight = draw.uniform(0, 100, count).round(3)
    price = weight * 2 + draw.normal(0, 15, count)  # which the weight does not tell entirely
    return pl.DataFrame({"kind": ["well"] * count, "weight": weight, "seconds": [0.0] * count, "price": price})
