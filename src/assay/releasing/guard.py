"""The guard: what is seen since a switch is held against what was seen before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.domain.releases.gate import Gate
from assay.domain.releases.verdict import Check
from assay.measures.stability import noise, stability_index

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
