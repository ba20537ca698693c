"""Measures numbers against what came true, and says how far two groups of answers are apart, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 1_000
MANY = (
    2_000  # answers of a group from which the limiting normal distribution is as good as resampling, and costs one pass
)
CELLS = 1 << 20  # answers times resamples of one chunk
STEP = 1e-5  # of the numerical derivative, in standard deviations
TINY = 1e-12  # share of the mean square below which a spread is only rounding
COLUMNS = {"mae": 1, "rmse": 1, "mape": 2, "r2": 3}


class Group(NamedTuple):
    """What came true and what was answered, float64 [n] each."""

    truth: Floats
    answers: Floats


@dataclass(frozen=True, kw_only=True)
class Apart:
    """`value` is the other's metric minus the one's, `low` to `high` its confidence interval."""

    value: float
    low: float
    high: float


def metric(group: Group, name: str) -> float | None:
    """ "mae", "rmse", "mape" (of truths that are not 0) or "r2"; None where it is not defined for the group."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = float(_metric(_parts(group, name).mean(axis=0), name)) if len(group.truth) else np.nan
    return found if np.isfinite(found) else None


def apart(
    one: Group, other: Group, name: str, *, paired: bool, confidence: float = 0.95, seed: int = 0
) -> Apart | None:
    """How far the other's metric is from the one's; None where it is not defined for both.

    `paired` are groups whose answers belong together row by row: both are drawn again together, else each by itself
    (percentile bootstrap: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13). With `MANY`
    answers or more nothing is drawn: the metric is linearised (the delta method, ibid. chapter 22). The same input gives
    the same result.
    """
    mine, theirs = metric(one, name), metric(other, name)
    if mine is None or theirs is None:
        return None
    parts = _parts(one, name), _parts(other, name)
    value = theirs - mine
    with np.errstate(invalid="ignore", divide="ignore"):
        if min(len(part) for part in parts) >= MANY:
            reach = NormalDist().inv_cdf((1 + confidence) / 2) * _error(parts, name, paired=paired)
            return Apart(value=value, low=value - reach, high=value + reach)
        drawn = _drawn(parts, name, paired=paired, seed=seed)
    found = drawn[np.isfinite(drawn)]
    if not len(found):
        return None
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Apart(value=value, low=float(low), high=float(high))


def _parts(group: Group, name: str) -> Floats:
    """float64 [n, k]: columns of whose means the metric is a function."""
    truth, error = group.truth, group.answers - group.truth
    if name == "mae":
        return np.abs(error)[:, None]
    if name == "rmse":
        return np.square(error)[:, None]
    if name == "mape":
        some = truth != 0
        return np.column_stack([np.abs(error) * some / np.where(some, np.abs(truth), 1.0), some])
    if name == "r2":
        centred = truth - truth.mean() if len(truth) else truth
        return np.column_stack([np.square(error), centred, np.square(centred)])
    said = f"numbers have no metric {name!r}"
    raise ValueError(said)


def _metric(means: Floats, name: str) -> Floats:
    """The metric of means [..., k]."""
    first = means[..., 0]
    if name == "rmse":
        return np.sqrt(first)
    if name == "mape":
        return np.asarray(first / means[..., 1])
    if name == "r2":
        spread = means[..., 2] - np.square(means[..., 1])
        return np.asarray(1.0 - first / np.where(spread > TINY * means[..., 2], spread, np.nan))
    return np.asarray(first)


def _drawn(parts: tuple[Floats, Floats], name: str, *, paired: bool, seed: int) -> Floats:
    """float64 [resamples]: the difference for answers drawn again."""
    draw = np.random.default_rng(seed)
    if paired:
        times = _means(draw, np.column_stack(parts))
        width = COLUMNS[name]
        return _metric(times[:, width:], name) - _metric(times[:, :width], name)
    one, other = (_metric(_means(draw, part), name) for part in parts)
    return other - one


def _means(draw: np.random.Generator, parts: Floats) -> Floats:
    """float64 [resamples, k]: the means of rows drawn again; how often each row was drawn stands for drawing it."""
    count = len(parts)
    found = np.empty((RESAMPLES, parts.shape[1]))
    at_once = max(1, CELLS // count)
    for begin in range(0, RESAMPLES, at_once):
        size = min(at_once, RESAMPLES - begin)
        places = draw.integers(0, count, (size, count)) + np.arange(size)[:, None] * count
        times = np.bincount(places.ravel(), minlength=size * count).reshape(size, count)
        found[begin : begin + size] = times @ parts / count
    return found


def _error(parts: tuple[Floats, Floats], name: str, *, paired: bool) -> float:
    """The standard error of the difference, to first order."""
    one, other = (part @ _slopes(part, name) for part in parts)
    if paired:
        return float((other - one).std() / np.sqrt(len(one)))
    return float(np.sqrt(one.var() / len(one) + other.var() / len(other)))


def _slopes(parts: Floats, name: str) -> Floats:
    means, spreads = parts.mean(axis=0), parts.std(axis=0)
    slopes = np.zeros(len(means))
    for place in np.flatnonzero(spreads):
        step = np.zeros(len(means))
        step[place] = STEP * spreads[place]
        rise = float(_metric(means + step, name) - _metric(means - step, name))
        slopes[place] = rise / (2 * step[place])
    return slopes
