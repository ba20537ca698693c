"""A gate: what a new version must show before it is given the word, and what takes the word from it again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from assay.errors import ApplicationInvalid

JudgedOn = Literal["newest", "all"]
_SHARES = ("margin", "worst_segment", "max_change", "guard_errors", "guard_shift")
_NONE_ALLOWED = frozenset({"worst_segment", "latency_ms", "size_bytes", "max_change"})


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The rules of a model's promotions; raises ApplicationInvalid, which names the field and its rule.

    Shares are fractions: 0.05 is 5 %. Those of the metric are shares of the champion's (the ruling version's) own, on the
    same rows; of `r2`, which is a share already, they are absolute: 0.05 is from 0.90 to 0.95.

    Before the word is given: the candidate is better than the champion by more than `margin`, in at least the share
    `confidence` of all paired bootstrap resamples (Efron and Tibshirani, An Introduction to the Bootstrap, 1993) of the
    held-out rows: those of the newest part of the data, and of older parts until there are `least_rows`, or "all". In no
    segment of 30 rows or more is it, with the same confidence, worse by more than `worst_segment`. One question takes at
    most `latency_ms` (the median), its files at most `size_bytes`. The newest `replay` different questions of the record
    are answered again, and at most 1 % of the answers change by more than `max_change`. With `approval` a person decides
    last. None leaves a rule out.

    After it: for `guard_s` seconds (0: not at all; at most a day) the answers since the switch are compared with those before, once
    there are `guard_least` of each. The version before answers again where the share of 5xx grew by more than
    `guard_errors`, the 95th percentile of the time per round grew to more than `guard_latency` times, or the population
    stability index of the answers is above `guard_shift` (Siddiqi, Credit Risk Scorecards, 2006: 0.25 is a major shift).
    """

    margin: float = 0.0
    confidence: float = 0.95
    judged_on: JudgedOn = "newest"
    least_rows: int = 200
    worst_segment: float | None = 0.10
    latency_ms: float | None = None
    size_bytes: int | None = None
    replay: int = 200
    max_change: float | None = None
    approval: bool = False
    guard_s: float = 300.0
    guard_errors: float = 0.01
    guard_latency: float = 3.0
    guard_shift: float = 0.25
    guard_least: int = 50

    def __post_init__(self) -> None:
        for name in _SHARES:
            self._number(name, low=0.0)
        if self.margin >= 1:
            raise _refused("margin", "must be below 1, as a share is (0.05 is 5 %)", self.margin)
        self._number("confidence", low=0.5, high=1.0, beyond=True)
        self._number("latency_ms", low=0.0, beyond=True)
        self._number("guard_s", low=0.0, high=86_400.0)
        self._number("guard_latency", low=1.0)
        self._whole("least_rows", low=1)
        self._whole("size_bytes", low=1)
        self._whole("replay", low=0, high=10_000)
        self._whole("guard_least", low=10, high=5_000)
        if self.judged_on not in ("newest", "all"):
            raise _refused("judged_on", 'must be "newest" or "all"', self.judged_on)
        if not isinstance(self.approval, bool):
            raise _refused("approval", "must be True or False", self.approval)

    def _number(self, name: str, *, low: float, high: float = math.inf, beyond: bool = False) -> None:
        value = getattr(self, name)
        if value is None and name in _NONE_ALLOWED:
            return
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise _refused(name, "must be a number", value)
        if value < low or value > high or (beyond and value in (low, high)):
            rule = f"above {low:g}" if beyond else f"at least {low:g}"
            limit = "" if high == math.inf else f" and {'below' if beyond else 'at most'} {high:g}"
            raise _refused(name, f"must be {rule}{limit}", value)

    def _whole(self, name: str, *, low: int, high: int | None = None) -> None:
        value = getattr(self, name)
        if value is None and name in _NONE_ALLOWED:
            return
        if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
            limit = f"from {low} to {high:,}" if high is not None else f"of at least {low}"
            raise _refused(name, f"must be a whole number {limit}", value)


def _refused(name: str, rule: str, value: Any) -> ApplicationInvalid:
    return ApplicationInvalid(f"The gate's {name} {rule}, and is {value!r}.")
