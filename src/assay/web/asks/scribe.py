"""The lane that records what no model's lane records."""

from __future__ import annotations

from collections.abc import Sequence

from assay.serving.batch import Awaited, Lane
from assay.store.record.recorder import Entry, Recorder

MAX_RECORDS_WAITING = 50_000


class Record(Awaited):
    """Something to be kept."""

    __slots__ = ("entry",)

    def __init__(self, entry: Entry) -> None:
        super().__init__(rows=1)
        self.entry = entry


class Scribe:
    """Made within the event loop."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._lane: Lane[Record] = Lane("record", self._write, MAX_RECORDS_WAITING)

    async def keep(self, entry: Entry) -> None:
        """Records an entry; returns once it is durable. Raises StoreUnavailable, Unstorable, AlreadyAnswered or Overloaded."""
        record = Record(entry)
        self._lane.submit(record)
        await record.future

    async def close(self) -> None:
        """Records what waits."""
        await self._lane.close()

    def _write(self, records: Sequence[Record]) -> None:
        self._recorder.record([record.entry for record in records])
        for record in records:
            record.error = record.entry.error
