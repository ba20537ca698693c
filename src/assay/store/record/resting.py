"""A recorder that rests after a failure: whoever comes meanwhile is told at once, instead of waiting for the same."""

from __future__ import annotations

from assay.clock import ticks_us
from assay.errors import StoreUnavailable
from assay.store.database import Database
from assay.store.record.recorder import Entry, Recorder

SHORTEST_US, LONGEST_US = 250_000, 3_000_000


class RestingRecorder(Recorder):
    """A refusal is recorded as well as an answer, so a store that hangs is met several times by one request.

    Each time takes until a time-out is over. With a rest as long as the failure, within bounds, a request waits for one.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.trouble = ""  # why the newest try failed
        self._resting_until = 0

    def _commit(self, group: list[Entry]) -> None:
        if ticks_us() < self._resting_until:
            for entry in group:
                entry.error, entry.done = StoreUnavailable(self.trouble), True
            return
        began = ticks_us()
        super()._commit(group)
        failed = next((entry.error for entry in group if isinstance(entry.error, StoreUnavailable)), None)
        self.trouble = "" if failed is None else str(failed)
        if failed is not None:
            now = ticks_us()
            self._resting_until = now + min(max(now - began, SHORTEST_US), LONGEST_US)
