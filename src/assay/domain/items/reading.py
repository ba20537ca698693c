"""What readers are given of an item: confidences of one version, and how far a sweep has come."""

from __future__ import annotations

import msgspec


class Confidence(msgspec.Struct, frozen=True, kw_only=True):
    """How sure a version is of one label in one second, [second, second + 1) from the beginning; in [0, 1]."""

    label: str
    second: int
    confidence: float


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What one version said of an item at a time (`at`, microseconds), narrowed to what was asked for.

    `seconds` and `labels` are those of the complete set, of which `confidences` may be a part, by second and then label.
    """

    item: str
    model: str
    version: int
    run: int
    at: int
    seconds: int
    labels: tuple[str, ...]
    confidences: tuple[Confidence, ...]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a version is with a collection: of `items` that live, `scored` are done, and `failed` wait to be tried again.

    `run` is 0 unless the version is asked anew in every slot; `finished_at` is None while there is something left.
    """

    model: str
    version: int
    items: int
    scored: int
    failed: int
    run: int = 0
    began_at: int | None = None
    finished_at: int | None = None
