"""Made-up stones, for where the real table is absent: its columns, its relations and its flaws."""

from __future__ import annotations

import numpy as np
import polars as pl

CUTS = {"Fair": 0.03, "Good": 0.09, "Very Good": 0.22, "Premium": 0.26, "Ideal": 0.40}
COLORS = {"J": 0.05, "I": 0.10, "H": 0.15, "G": 0.22, "F": 0.17, "E": 0.19, "D": 0.12}
CLARITIES = {
    "I1": 0.02, "SI2": 0.17, "SI1": 0.24, "VS2": 0.22, "VS1": 0.16, "VVS2": 0.09, "VVS1": 0.07, "IF": 0.03,
}  # fmt: skip
# Stones are cut to just reach these weights, so that most weigh a little more than one of them.
WEIGHTS = {0.3: 0.24, 0.4: 0.12, 0.5: 0.13, 0.7: 0.16, 0.9: 0.07, 1.0: 0.15, 1.5: 0.08, 2.0: 0.05}


def rows(count: int = 5000, seed: int = 42) -> pl.DataFrame:
    """`count` stones, the same for the same seed; a few have no size, and a few a price of -1."""
    draw = np.random.default_rng(seed)
    cut, color, clarity = (draw.choice(len(of), count, p=list(of.values())) for of in (CUTS, COLORS, CLARITIES))
    carat = draw.choice(list(WEIGHTS), count, p=list(WEIGHTS.values())) * (1 + draw.exponential(0.06, count))
    carat = carat.clip(0.2, 4.5).round(2)
    depth = draw.normal(62.6 - 0.2 * cut, 1.6 - 0.22 * cut).clip(52, 72).round(1)
    table = draw.normal(59.0 - 0.7 * cut, 1.6).clip(50, 70).round(0)
    # A round brilliant weighs about 0.0061 ct for each cubic millimetre of its box; the depth is z / width.
    width = np.cbrt(carat / (0.0061 * depth / 100)) * draw.normal(1, 0.006, count)
    x, y = width.round(2), (width * draw.normal(1.0, 0.006, count)).round(2)
    z = ((x + y) / 2 * depth / 100).round(2)
    worth = 7.75 + 1.8 * np.log(carat) + 0.025 * cut + 0.078 * color + 0.115 * clarity + 0.004 * color * clarity
    price = np.exp(worth + draw.normal(0, 0.11, count)).clip(320, 19_000).round(0)
    flawed = draw.permutation(count)
    unsized, unpriced = flawed[: max(count // 1500, 1)], flawed[-max(count // 600, 1) :]
    x[unsized], y[unsized], z[unsized], price[unpriced] = 0, 0, 0, -1
    names = [np.array(list(of))[drawn] for of, drawn in ((CUTS, cut), (COLORS, color), (CLARITIES, clarity))]
    columns = [carat, *names, depth, table, price.astype(int), x, y, z]
    return pl.DataFrame(dict(zip("carat cut color clarity depth table price x y z".split(), columns, strict=True)))
