"""The population stability index: how far one sample of numbers is from another, and how far chance alone brings it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

BINS = 10
ANSWERS_A_BIN = 25
NORMAL_999 = 3.0902  # the 99.9th percentile of the standard normal distribution


def stability_index(before: NDArray[np.float64], since: NDArray[np.float64]) -> tuple[float, int]:
    """The population stability index of `since` [m] against `before` [n], and the number of bins.

    Bins are quantiles of `before`, at most ten and with 25 values or more each: sum of (p - q) ln(p / q) over them
    (Siddiqi, Credit Risk Scorecards, 2006). Half a value is added to each bin, so that an empty one gives no infinity.
    """
    wanted = int(min(BINS, max(2, min(len(before), len(since)) // ANSWERS_A_BIN)))
    edges = np.quantile(before, np.linspace(0, 1, wanted + 1)[1:-1])
    often = [edge for edge in edges if 2 * wanted * np.count_nonzero(before == edge) > len(before)]
    edges = np.unique([*edges, *np.nextafter(often, np.inf)])  # a value that is given often is a bin of its own
    return between(before, since, edges), len(edges) + 1


def between(before: NDArray[np.float64], since: NDArray[np.float64], edges: NDArray[np.float64]) -> float:
    """The index over given bins, of which each edge [bins - 1], ascending, begins one."""
    bins = len(edges) + 1
    p, q = (
        (np.bincount(np.searchsorted(edges, values, side="right"), minlength=bins) + 0.5) / (len(values) + bins / 2)
        for values in (since, before)
    )
    return float(np.sum((p - q) * np.log(p / q)))


def noise(bins: int, before: int, since: int) -> float:
    """The index that two samples of one population exceed once in a thousand times.

    Under no change it is distributed as (1/n + 1/m) chi-square with bins - 1 degrees of freedom (Yurdakul and Naranjo,
    Statistical properties of the population stability index, 2020); the quantile is Wilson and Hilferty's.
    """
    degrees = max(1, bins - 1)
    spread = 2 / (9 * degrees)
    return degrees * (1 - spread + NORMAL_999 * math.sqrt(spread)) ** 3 * (1 / before + 1 / since)
