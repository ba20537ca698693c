"""An evaluation: a version's metrics on a dataset at a moment."""

from __future__ import annotations

import msgspec


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """`metrics` overall, and `segments` by the name of the bin, each with the number of its rows."""

    id: str
    at: int
    model: str
    version: int
    dataset: str
    split: str
    rows: int
    metrics: dict[str, float]
    segments: dict[str, dict[str, float]] = {}
