"""Says how far the answers of two versions to the same rows are apart, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypedDict, Unpack

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.domain.metric import GREATER_IS_BETTER
from assay.domain.model import Model
from assay.errors import DataInvalid
from assay.training.evaluate import bins

Floats = NDArray[np.float64]

MANY = 20_000  # rows from which the limiting normal distribution is as good as resampling, and costs one pass
CELLS = 1 << 20  # rows times resamples of one chunk: some 40 MB with all that is made of them
STEP = 1e-5  # of the numerical derivative, in standard deviations
TINY = 1e-12  # share of the mean square below which a spread is only rounding: one row was drawn again and again


class Resampling(TypedDict, total=False):
    """How often rows are drawn again (2,000), how sure the interval is to be (0.95), and the seed of the draws (0)."""

    resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """`value` is the other's metric minus the one's on the same rows, `low` to `high` its confidence interval.

    `better` is the share of resamples in which the other is better, in the metric's direction.
    """

    value: float
    low: float
    high: float
    better: float


def paired(truth: Floats, one: Floats, other: Floats, metric: str, **how: Unpack[Resampling]) -> Difference:
    """The difference that a metric makes between two answers to the same rows, all float64 [n].

    Metrics are those of `evaluate`. Rows are drawn again with replacement, both answers to a row staying together, and
    the interval lies between the percentiles of the differences found (paired percentile bootstrap: Efron & Tibshirani,
    An Introduction to the Bootstrap, 1993, chapter 13). With `MANY` rows or more nothing is drawn: the metric is
    linearised and its normal approximation taken (the delta method, ibid. chapter 22). The same input gives the same
    result. Raises DataInvalid where the metric is not defined for the rows.
    """
    parts = _parts(truth, one, other, metric)
    confidence = how.get("confidence", 0.95)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(_difference(parts.mean(axis=0), metric)) if len(parts) else np.nan
        if not np.isfinite(value):
            raise DataInvalid(f"{metric.upper()} is not defined for these {len(parts)} rows.")
        if len(parts) >= MANY:
            return _linearised(parts, metric, value, confidence)
        drawn = _resampled(parts, metric, how.get("resamples", 2000), how.get("seed", 0))
    found = drawn[np.isfinite(drawn)]
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    wins = found > 0 if GREATER_IS_BETTER[metric] else found < 0
    return Difference(value=value, low=float(low), high=float(high), better=float(wins.mean()))


def by_segment(
    model: Model[Any], rows: pl.DataFrame, one: Floats, other: Floats, **how: Unpack[Resampling]
) -> dict[str, Difference]:
    """The difference that the model's metric makes in each of its segments, by the segment's name.

    `rows` hold the target and the segments' columns. Bins in which the metric is not defined are left out.
    """
    truth = rows[model.target].cast(pl.Float64).to_numpy()
    found: dict[str, Difference] = {}
    for column, edges in model.segments.items():
        values = rows[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        for name, inside in bins(column, values, edges):
            try:
                found[name] = paired(truth[inside], one[inside], other[inside], model.metric, **how)
            except DataInvalid:
                continue
    return found


def _parts(truth: Floats, one: Floats, other: Floats, metric: str) -> Floats:
    """float64 [n, k]: columns of whose means the difference is a function: the one's loss, and what the other adds."""
    lose = np.square if metric in ("rmse", "r2") else np.abs
    mine = lose(one - truth)
    losses = np.column_stack([mine, lose(other - truth) - mine])
    if metric == "mape":
        some = truth != 0
        return np.column_stack([losses * (some / np.where(some, np.abs(truth), 1.0))[:, None], some])
    if metric == "r2":
        centred = truth - truth.mean() if len(truth) else truth
        return np.column_stack([losses, centred, np.square(centred)])
    return losses


def _difference(means: Floats, metric: str) -> Floats:
    """The other's metric minus the one's, of means [..., k]."""
    mine, added = means[..., 0], means[..., 1]
    if metric == "rmse":
        return np.asarray(np.sqrt(np.maximum(mine + added, 0)) - np.sqrt(mine))
    if metric == "mape":
        return np.asarray(added / means[..., 2])
    if metric == "r2":
        spread = means[..., 3] - np.square(means[..., 2])
        return np.asarray(0.0 - added / np.where(spread > TINY * means[..., 3], spread, np.nan))
    return np.asarray(added)


def _resampled(parts: Floats, metric: str, resamples: int, seed: int) -> Floats:
    """float64 [resamples]: the difference for rows drawn again; how often each row was drawn stands for drawing it."""
    count = len(parts)
    draw = np.random.default_rng(seed)
    found = np.empty(resamples)
    at_once = max(1, CELLS // count)
    for begin in range(0, resamples, at_once):
        size = min(at_once, resamples - begin)
        drawn = draw.integers(0, count, (size, count))
        drawn += np.arange(size)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        found[begin : begin + size] = _difference(times @ parts / count, metric)
    return found


def _linearised(parts: Floats, metric: str, value: float, confidence: float) -> Difference:
    """The same by the delta method: to first order the difference is a mean, and its distribution normal."""
    means, spreads = parts.mean(axis=0), parts.std(axis=0)
    slopes = np.zeros(len(means))
    for place in np.flatnonzero(spreads):
        step = np.zeros(len(means))
        step[place] = STEP * spreads[place]
        rise = _difference(means + step, metric) - _difference(means - step, metric)
        slopes[place] = rise / (2 * step[place])
    error = float((parts @ slopes).std() / np.sqrt(len(parts)))
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * error
    gain = value if GREATER_IS_BETTER[metric] else -value
    better = NormalDist().cdf(gain / error) if error else float(gain > 0)
    return Difference(value=value, low=value - reach, high=value + reach, better=better)
