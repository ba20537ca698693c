"""Says how far the confidences of two versions for the same rows are apart, and how sure that is, by drawing recordings again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from assay.measures.confidences import BINS, SUREST, Floats, Told, Truth, counted, ndcg

CELLS = 1 << 20  # resamples times rows of one chunk: some 40 MB with all that is made of them
METRICS = frozenset(
    {"average_precision", "f1", "precision", "recall", "log_loss", "brier", "error", "ndcg_at_10", "calibration_error"}
)
LESS_IS_BETTER = frozenset({"log_loss", "brier", "error", "calibration_error"})

Places = NDArray[np.intp]


class Resampling(TypedDict, total=False):
    """By which `metric` ("average_precision"), at which `threshold` (0.5); how often units are drawn again (`resamples`,
    2,000), how sure an interval is to be (`confidence`, 0.95), and the `seed` of the draws (0)."""

    metric: str
    threshold: float
    resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True, kw_only=True)
class Spread:
    """`value` is the other's metric minus the one's, `low` to `high` its interval; `better` is the share of resamples in
    which the other is better, in the metric's direction."""

    value: float
    low: float
    high: float
    better: float


def paired(
    truth: Truth, one: Told, other: Told, units: NDArray[Any] | None = None, **how: Unpack[Resampling]
) -> Spread | None:
    """The difference that a metric makes between two answers to the same rows; None where it is not defined for them.

    `truth` is bool [n, labels], the answers float [n, labels]; `units` are integers [n]: rows of one unit (the seconds of
    one recording) are alike, and are drawn again together or not at all; each row is a unit of its own where it is None.
    Both answers to a row stay together (paired percentile bootstrap of clusters: Davison & Hinkley, Bootstrap Methods and
    their Application, 1997, section 3.8). The metrics are those of `metrics`, the mean average precision being that of the
    labels that are in the rows drawn. The same input gives the same result.
    """
    return _spread(*_apart(truth, one, other, units, how), how)


def paired_by_label(
    truth: Truth, one: Told, other: Told, units: NDArray[Any] | None = None, **how: Unpack[Resampling]
) -> list[Spread | None]:
    """The difference for each label by itself."""
    return [
        paired(truth[:, place : place + 1], one[:, place : place + 1], other[:, place : place + 1], units, **how)
        for place in range(truth.shape[1])
    ]


def _apart(truth: Truth, one: Told, other: Told, units: NDArray[Any] | None, how: Resampling) -> tuple[float, Floats]:
    """The difference as it is, and float64 [resamples] as it is for units drawn again."""
    if how.get("metric", "average_precision") not in METRICS:
        said = f"confidences have no metric {how['metric']!r}"
        raise ValueError(said)
    rows = len(truth)
    named = np.arange(rows) if units is None else np.unique(units, return_inverse=True)[1]
    count = int(named.max()) + 1 if rows else 0
    if not count or not truth.shape[1]:
        return np.nan, np.empty(0)
    sides = [_measured(truth, counted(told), named, how) for told in (one, other)]
    drawn = _drawn(count, rows, how.get("resamples", 2000), how.get("seed", 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = [sides[1].of(times) - sides[0].of(times) for times in (np.ones((1, count)), *drawn)]
    return float(found[0][0]), np.concatenate(found[1:])


def _spread(value: float, drawn: Floats, how: Resampling) -> Spread | None:
    found = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not len(found):
        return None
    confidence = how.get("confidence", 0.95)
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    wins = found < 0 if how.get("metric") in LESS_IS_BETTER else found > 0
    return Spread(value=value, low=float(low), high=float(high), better=float(wins.mean()))


def _drawn(count: int, rows: int, resamples: int, seed: int) -> Iterator[Floats]:
    """float64 [some, units]: how often each unit was drawn, which stands for drawing it."""
    draw = np.random.default_rng(seed)
    at_once = max(1, CELLS // max(rows, count))
    for begin in range(0, resamples, at_once):
        size = min(at_once, resamples - begin)
        places = draw.integers(0, count, (size, count)) + np.arange(size)[:, None] * count
        yield np.bincount(places.ravel(), minlength=size * count).reshape(size, count).astype(np.float64)


# ---- one answer, prepared so that a resample costs one pass


@dataclass(frozen=True)
class _Ranked:
    """Rows ranked by the confidence of each label, to be counted as often as their units were drawn."""

    labels: list[tuple[Places, Places, Places, Places]]

    def of(self, times: Floats) -> Floats:
        """float64 [resamples]: the mean average precision, of units drawn so many `times` [resamples, units]."""
        each = np.array([_weighted(times, *one) for one in self.labels]).reshape(len(self.labels), len(times))
        there = np.isfinite(each)
        return np.asarray(np.where(there, each, 0.0).sum(axis=0) / there.sum(axis=0))


@dataclass(frozen=True)
class _Summed:
    """float64 [units, 2]: sums over each unit's rows, the metric being the fraction of their totals."""

    sums: Floats

    def of(self, times: Floats) -> Floats:
        """float64 [resamples]: the metric, of units drawn so many `times` [resamples, units]."""
        above, below = (times @ self.sums).T
        return np.asarray(above / below)


@dataclass(frozen=True)
class _Binned:
    """How far confidences are from what is there, float64 [units, bins], and how many pairs a unit has, float64 [units]."""

    apart: Floats
    pairs: Floats

    def of(self, times: Floats) -> Floats:
        """float64 [resamples]: the calibration error, of units drawn so many `times` [resamples, units]."""
        return np.asarray(np.abs(times @ self.apart).sum(axis=1) / (times @ self.pairs))


def _measured(truth: Truth, known: Floats, units: Places, how: Resampling) -> _Ranked | _Summed | _Binned:
    metric = how.get("metric", "average_precision")
    if metric == "calibration_error":
        return _binned(truth, known, units)
    if metric != "average_precision":
        above, below = _fraction(truth, known, metric, how.get("threshold", 0.5))
        return _Summed(np.stack([np.bincount(units, weights=part) for part in (above, below)], axis=1))
    present = np.flatnonzero(truth.any(axis=0))
    return _Ranked([_ranking(truth[:, place], known[:, place], units) for place in present])


def _binned(truth: Truth, known: Floats, units: Places) -> _Binned:
    count = int(units.max()) + 1
    place = np.minimum((known * BINS).astype(np.intp), BINS - 1) + units[:, None] * BINS
    apart = np.bincount(place.ravel(), weights=(known - truth).ravel(), minlength=count * BINS)
    pairs = np.bincount(units, minlength=count).astype(np.float64) * truth.shape[1]
    return _Binned(np.asarray(apart.reshape(count, BINS), np.float64), pairs)


def _ranking(here: Truth, said: Floats, units: Places) -> tuple[Places, Places, Places, Places]:
    """The units of the ranked rows and where each run of them begins that ends with a confidence at which the label is
    there; the same of the rows alone in which it is there."""
    order = np.argsort(-said, kind="stable")
    ranked, hit = said[order], here[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    step = np.searchsorted(ends, np.flatnonzero(hit))  # the confidence, counted from the highest, of each hit
    with_hits, first = np.unique(step, return_index=True)
    closing = ends[with_hits] + 1
    begins = np.concatenate([[0], closing[:-1]]).astype(np.intp)
    return units[order][: closing[-1]], begins, units[order][hit], first.astype(np.intp)


def _weighted(times: Floats, ranked: Places, begins: Places, hits: Places, first: Places) -> Floats:
    """float64 [resamples]: the average precision of one label; NaN where it is in none of the rows drawn."""
    gained = np.add.reduceat(times[:, hits], first, axis=1)
    reached = np.cumsum(np.add.reduceat(times[:, ranked], begins, axis=1), axis=1)
    precise = np.cumsum(gained, axis=1) / np.where(reached > 0, reached, 1.0)
    return np.asarray((gained * precise).sum(axis=1) / gained.sum(axis=1))


def _fraction(truth: Truth, known: Floats, metric: str, threshold: float) -> tuple[Floats, Floats]:
    """float64 [n] each: what a row adds above and below the line of the metric's fraction."""
    at = known >= threshold
    rows, labels = truth.shape
    if metric in ("log_loss", "brier"):
        sure = np.clip(known, SUREST, 1 - SUREST)
        lost = -np.log(np.where(truth, sure, 1 - sure)) if metric == "log_loss" else np.square(known - truth)
        return lost.sum(axis=1), np.full(rows, float(labels))
    if metric == "ndcg_at_10":
        gained = ndcg(truth, known)
        return np.nan_to_num(gained), np.isfinite(gained).astype(np.float64)
    if metric == "error":
        return (at != truth).any(axis=1).astype(np.float64), np.ones(rows)
    right, said, there = (part.sum(axis=1).astype(np.float64) for part in (truth & at, at, truth))
    if metric == "f1":
        return 2 * right, said + there
    return right, said if metric == "precision" else there
