"""An evaluation: a version's metrics on a dataset at a moment."""

from __future__ import annotations

import msgspec

from assay.clock import new_id, now_us
from assay.domain.version import Version


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

    @classmethod
    def of(cls, version: Version) -> Evaluation:
        """The version's own metrics, on the rows that were held out when it was trained."""
        return cls(
            id=new_id(), at=now_us(), model=version.model, version=version.number, dataset=version.dataset,
            split="held-out", rows=version.test_rows, metrics=version.metrics, segments=version.segments,
        )  # fmt: skip
