"""A score: all that one version said of one item, and which of them readers are given."""

from __future__ import annotations

import msgspec


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A complete set: `confidences` are float32, little-endian, of shape [seconds, len(labels)]; NaN where none was told.

    `run` is 0 for a version that never changes. One that asks another server may be told something else tomorrow: it is
    asked again in each slot of the interval, and `run` is the slot's beginning in microseconds.
    """

    id: str
    at: int
    item: str
    model: str
    version: int
    run: int = 0
    seconds: int
    labels: tuple[str, ...]
    confidences: bytes
    took_us: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The score that readers of an item are given, and the decision (a rollout's sequence) by which it is that one."""

    item: str
    model: str
    score: str
    version: int
    run: int
    decision: int
    at: int

    def follows(self, other: Standing) -> bool:
        """Whether it may take the other's place: readers never go back to an earlier decision, or an earlier run of one."""
        return (self.decision, self.run) >= (other.decision, other.run)


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An item that a version could not score: how often it was tried, why, and when it is tried again (microseconds)."""

    item: str
    model: str
    version: int
    at: int
    attempts: int
    retry_at: int
    code: str
    error: str


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """One version's way through all items of a collection, which may take many jobs.

    Once `finished_at` is told, none is left of the items up to the sequence `seen` but those that fail; that holds under
    the `decision` (a rollout's sequence) by which items were shared among versions, and another one has them looked
    through anew. `wanted` is how many items were this version's, and `pending` how many of them had neither a score nor
    a failure, as they were counted then and have been counted down since. `took_us` is the model's own time, `spent_us`
    all of it. Where the version itself could not be asked, `code` and `error` say why, and it rests until `retry_at`.
    """

    id: str
    at: int
    collection: str
    model: str
    version: int
    run: int = 0
    decision: int = 0
    seen: int = 0
    wanted: int = 0
    pending: int = 0
    finished_at: int | None = None
    scored: int = 0
    failed: int = 0
    took_us: int = 0
    spent_us: int = 0
    attempts: int = 0
    retry_at: int = 0
    code: str = ""
    error: str = ""
