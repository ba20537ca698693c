"""What is found about an experiment: pure values, as people and programs are told them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from assay.clock import iso
from assay.measures.numbers import Apart

Quantiles = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The model's metric on those answers about which something came true, and how far it is from the main version's."""

    outcomes: int
    metric: float | None = None
    apart: Apart | None = None


@dataclass(frozen=True, kw_only=True)
class ArmFound:
    """One version that answers: what it answered of what it should, how it did, and what came true.

    `asks` are requests, each with one `answers` or more; `share` is of the asks of all arms. `low` to `high` is where the
    share would be in all but one of 16,000 experiments, four standard deviations, if each subject asked once. `errors` are
    500 and 504. `took_ms` and `values` are quantiles, of the model's own time and of what it answered.
    """

    version: int
    recipe: str
    wanted: float
    asks: int
    answers: int
    share: float | None
    low: float
    high: float
    as_wanted: bool
    errors: int
    took_ms: Quantiles
    values: Quantiles
    truth: Truth


@dataclass(frozen=True, kw_only=True)
class ShadowFound:
    """One shadow: how far it has come, and its answers beside the main version's to the same questions.

    `reasons` counts the skipped questions by code; `behind_s` is how old the newest question is that it was asked, None
    before the first. Of `pairs` a share `changed` is not the same, `change` are quantiles of how far. The truth's metric
    and difference are of the pairs.
    """

    version: int
    recipe: str
    asked: int
    skipped: int
    reasons: dict[str, int]
    behind_s: float | None
    pairs: int
    changed: float | None
    change: Quantiles
    took_ms: Quantiles
    values: Quantiles
    truth: Truth


@dataclass(frozen=True, kw_only=True)
class LabelFound:
    """One label, as a version tells it in the newest kept items: the mean confidence, and the share of seconds at the threshold.

    `average_precision` is that on the control set, where the version was held against it.
    """

    mean: float | None
    at_threshold: float | None
    average_precision: float | None = None


@dataclass(frozen=True, kw_only=True)
class ItemsFound:
    """What one version says of the newest kept items: `covered` is the share of their seconds for which it said anything."""

    version: int
    items: int
    scored: int
    covered: float | None
    labels: dict[str, LabelFound]


@dataclass(frozen=True, kw_only=True)
class ExperimentFound:
    """An experiment since its shares are as they are: `since` to `until` in microseconds (None while it runs).

    `whole` says whether all of that time was looked at, or only the newest answers, from `looked_from` on.
    """

    model: str
    unit: str
    metric: str
    experiment: str
    mode: str
    main: int
    since: int
    until: int | None
    looked_from: int
    whole: bool
    arms: tuple[ArmFound, ...]
    shadows: tuple[ShadowFound, ...]
    items: tuple[ItemsFound, ...]


def told(found: ExperimentFound) -> dict[str, Any]:
    """The same as JSON can say it, times as ISO 8601."""
    times = {"since": iso(found.since), "looked_from": iso(found.looked_from)}
    return asdict(found) | times | {"until": None if found.until is None else iso(found.until)}
