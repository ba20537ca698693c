"""What is new or changed at the watched place since it was taken in, found without looking into any file."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from assay.clock import ticks_us
from assay.sources.buckets import Found
from assay.sources.recordings import recordings_at

if TYPE_CHECKING:
    from assay.app import Assay

PAUSES = 9  # times as long as it took to list what is there, before it is listed again
LONGEST_QUEUE_US = 60_000_000  # after which it is listed again, however many files still wait


class Changes:
    """Files that wait to be taken in.

    One waits once two lists in a row tell the same of it, so that it is whole, and something else than when it was taken
    in, or refused, last. A place of very many files is listed less often, so that a worker has time for all else.
    """

    def __init__(self, assay: Assay, collection: str) -> None:
        self._assay = assay
        self._collection = collection
        self._known: dict[str, str] | None = None
        self._refused: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        self._listed = self._next = 0
        self.waiting: deque[Found] = deque()

    def look(self, place: str) -> None:
        """Lists what is there, unless it is too early; raises DataInvalid or StoreUnavailable."""
        now = ticks_us()
        if now < self._next or (self.waiting and now - self._listed < LONGEST_QUEUE_US):
            return
        found = recordings_at(place)
        known = self._recall()
        changed = {
            one.path: tag
            for one in found
            if (tag := tag_of(one)) not in (known.get(one.path), self._refused.get(one.path))
        }
        self.waiting = deque(
            one for one in found if one.path in changed and self._seen.get(one.path) == changed[one.path]
        )
        self._seen = changed
        self._forget(found)
        self._listed, self._next = now, ticks_us() + PAUSES * (ticks_us() - now)

    def take(self, count: int) -> list[Found]:
        """The next files, which wait no longer."""
        return [self.waiting.popleft() for _ in range(min(count, len(self.waiting)))]

    def settle(self, kept: Mapping[str, str], refused: Mapping[str, str]) -> None:
        """Files, by name, that are not to be looked into again while they are as told."""
        self._recall().update(kept)
        self._refused = {name: tag for name, tag in self._refused.items() if name not in kept} | dict(refused)

    def _recall(self) -> dict[str, str]:
        """How each file was when it was taken in last: read once, as nobody else takes in what is here."""
        if self._known is None:
            self._refused = self._assay.refusals.places(self._collection)
            self._known = self._assay.items.places(self._collection)
        return self._known

    def _forget(self, found: list[Found]) -> None:
        """A refused file that is gone is refused no longer."""
        there = {one.path for one in found} if self._refused else set()
        gone = [name for name in self._refused if name not in there]
        if gone:
            self._assay.refusals.forget(self._collection, gone)
            self._refused = {name: tag for name, tag in self._refused.items() if name in there}


def tag_of(found: Found) -> str:
    """What tells whether a file has changed."""
    return f"{found.size} {found.tag}"
