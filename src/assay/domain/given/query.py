"""A query: questions that are asked batch by batch of one version, and whose answers are read page by page."""

from __future__ import annotations

import msgspec


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Answered by `version` of `model` whoever rules later; from `closed_at` on it takes no more questions."""

    id: str
    at: int
    model: str
    version: int
    closed_at: int | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a query: the prediction's id in the record, and its value in the target's unit."""

    id: str
    prediction: float
