"""The guard: what is seen since a switch is held against what was seen before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.domain.releases.gate import Gate
from assay.domain.releases.verdict import Check

BINS = 10
ANSWERS_A_BIN = 25
NORMAL_999 = 3.0902  # the 99.9th percentile of the standard normal distribution
HARMLESS_US = 5_000  # a round that takes no longer is no trouble, however quick the one before was


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One side of a switch: exchanges on the model's paths and how many were 5xx; its answers, and how long rounds took.

    `took_us` holds microseconds, one number a request; `values` one number an answer.
    """

    exchanges: int
    errors: int
    took_us: Sequence[float]
    values: Sequence[float]


def compare(gate: Gate, before: Seen, since: Seen) -> tuple[Check, ...]:
    """The checks for which both sides have seen enough; none where neither has."""
    checks = []
    if min(before.exchanges, since.exchanges) >= gate.guard_least:
        checks.append(_errors(gate.guard_errors, before, since))
    if min(len(before.took_us), len(since.took_us)) >= gate.guard_least:
        checks.append(_latency(gate.guard_latency, before, since))
    if min(len(before.values), len(since.values)) >= gate.guard_least:
        checks.append(_shift(gate.guard_shift, before, since))
    return tuple(checks)


def stability_index(before: NDArray[np.float64], since: NDArray[np.float64]) -> tuple[float, int]:
    """The population stability index of `since` [m] against `before` [n], and the number of bins.

    Bins are quantiles of `before`, at most ten and with 25 values or more each: sum of (p - q) ln(p / q) over them
    (Siddiqi, Credit Risk Scorecards, 2006). Half a value is added to each bin, so that an empty one gives no infinity.
    """
    wanted = int(min(BINS, max(2, min(len(before), len(since)) // ANSWERS_A_BIN)))
    edges = np.quantile(before, np.linspace(0, 1, wanted + 1)[1:-1])
    often = [edge for edge in edges if 2 * wanted * np.count_nonzero(before == edge) > len(before)]
    edges = np.unique([*edges, *np.nextafter(often, np.inf)])  # a value that is given often is a bin of its own
    bins = len(edges) + 1
    p, q = (
        (np.bincount(np.searchsorted(edges, values, side="right"), minlength=bins) + 0.5) / (len(values) + bins / 2)
        for values in (since, before)
    )
    return float(np.sum((p - q) * np.log(p / q))), bins


def noise(bins: int, before: int, since: int) -> float:
    """The index that two samples of one population exceed once in a thousand times.

    Under no change it is distributed as (1/n + 1/m) chi-square with bins - 1 degrees of freedom (Yurdakul and Naranjo,
    Statistical properties of the population stability index, 2020); the quantile is Wilson and Hilferty's.
    """
    degrees = max(1, bins - 1)
    spread = 2 / (9 * degrees)
    return degrees * (1 - spread + NORMAL_999 * math.sqrt(spread)) ** 3 * (1 / before + 1 / since)


def _errors(allowed: float, before: Seen, since: Seen) -> Check:
    was, now = before.errors / before.exchanges, since.errors / since.exchanges
    said = (
        f"{100 * now:.1f} % of {since.exchanges:,} exchanges failed since the switch, {100 * was:.1f} % of"
        f" {before.exchanges:,} before; allowed are {100 * allowed:g} % more"
    )
    return Check(name="errors", passed=now - was <= allowed, detail=said)


def _latency(allowed: float, before: Seen, since: Seen) -> Check:
    was, now = float(np.percentile(before.took_us, 95)), float(np.percentile(since.took_us, 95))
    said = (
        f"95 % of the rounds take up to {now / 1000:.3g} ms since the switch, {was / 1000:.3g} ms before;"
        f" allowed are {allowed:g} times that, or {HARMLESS_US / 1000:g} ms"
    )
    return Check(name="latency", passed=now <= max(allowed * was, HARMLESS_US), detail=said)


def _shift(allowed: float, before: Seen, since: Seen) -> Check:
    was, now = np.asarray(before.values, np.float64), np.asarray(since.values, np.float64)
    index, bins = stability_index(was, now)
    bound = max(allowed, noise(bins, len(was), len(now)))
    said = (
        f"the answers' population stability index is {index:.2f} ({len(now):,} answers of median {np.median(now):,.6g}"
        f" since the switch, {len(was):,} of median {np.median(was):,.6g} before); allowed is {bound:.2f}"
    )
    return Check(name="shift", passed=index <= bound, detail=said)
