"""Made-up rows that hold the columns of both models."""

from __future__ import annotations

import numpy as np
import polars as pl


def rows(count: int = 300, seed: int = 7) -> pl.DataFrame:
    """`count` rows, the same for the same seed."""
    draw = np.random.default_rng(seed)
    carat = draw.uniform(0.2, 3, count).round(2)
    cut, color = draw.choice(["Fair", "Good", "Ideal"], count), draw.choice(list("DEF"), count)
    price = (1000 * carat + 300 * (cut == "Ideal") + draw.normal(0, 20, count)).round(2) + 500
    return pl.DataFrame(
        {
            "carat": carat, "depth": draw.uniform(50, 70, count).round(1), "cut": cut, "color": color, "price": price,
            "text": ["a note"] * count, "count": draw.integers(0, 9, count), "weight": carat,
            "urgent": draw.choice([True, False], count), "discount": draw.uniform(0, 1, count).round(2),
        }
    )  # fmt: skip
