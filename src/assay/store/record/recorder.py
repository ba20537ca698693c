"""Group commit: whoever waits is written in one transaction, and nobody is told of an answer before its record is durable.

There is no thread of its own. The first to come leads: while its group commits, all others queue, and the next leader
takes everything that has gathered. Under load a sync to disk is shared by many; alone, nobody waits for company.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from assay.errors import AlreadyAnswered, AssayError, StoreUnavailable, Unstorable
from assay.store.database import Database, Values
from assay.store.record import exchanges
from assay.store.work.queue import TASK_COLUMNS

IDEMPOTENCY_KEY = exchanges.COLUMNS.index("idempotency_key")
TASK_KEY = TASK_COLUMNS.index("key")


class Entry:
    """What belongs to one answer and is kept together or not at all; `error` says why it was not."""

    __slots__ = ("done", "error", "exchange", "predictions", "tasks")

    def __init__(self, exchange: Values | None, predictions: list[Values], tasks: Sequence[Values] = ()) -> None:
        self.exchange = exchange
        self.predictions = predictions
        self.tasks = tasks  # in the order of `queue.TASK_COLUMNS`
        self.error: AssayError | None = None
        self.done = False


class Recorder:
    """Writes exchanges, predictions and tasks; `record` returns when they are durable."""

    def __init__(self, database: Database) -> None:
        self._writer = database.writer()
        self._waiting: list[Entry] = []
        self._gate = threading.Lock()
        self._lead = threading.Lock()

    def record(self, entries: list[Entry]) -> None:
        """Returns once each entry is durable or has its `error`; never raises for an entry's sake."""
        with self._gate:
            self._waiting.extend(entries)
        with self._lead:
            if all(entry.done for entry in entries):
                return
            with self._gate:
                group, self._waiting = self._waiting, []
            self._commit(group)

    def close(self) -> None:
        """Waits for the group under way and gives the connection back."""
        with self._lead:
            self._writer.forget()

    def _commit(self, group: list[Entry]) -> None:
        try:
            self._write(group)
        except Exception as failed:  # noqa: BLE001 - whatever it was, nobody may take it for a durable record
            self._commit_one_by_one(group, failed)
        for entry in group:
            entry.done = True

    def _commit_one_by_one(self, group: list[Entry], failed: Exception) -> None:
        """One unstorable record never fails its neighbours; a store that fails, fails them all."""
        if isinstance(failed, StoreUnavailable):
            for entry in group:
                entry.error = StoreUnavailable(str(failed))
            return
        for entry in group:
            try:
                self._write([entry])
            except StoreUnavailable as lost:
                entry.error = lost
            except Unstorable as refused:
                entry.error = AlreadyAnswered() if _keyed(entry) else refused
            except Exception as refused:  # noqa: BLE001 - as above
                entry.error = Unstorable(f"The record of this exchange cannot be stored: {refused}.")

    def _write(self, group: list[Entry]) -> None:
        asked = [exchanges.storable(entry.exchange) for entry in group if entry.exchange is not None]
        answered = [row for entry in group for row in entry.predictions]
        queued = [row for entry in group for row in entry.tasks]
        self._writer.write(asked, answered, queued)


def _keyed(entry: Entry) -> bool:
    """Whether a request with the same key may have been the reason that the entry was refused."""
    row = entry.exchange or ()
    asked = len(row) > IDEMPOTENCY_KEY and row[IDEMPOTENCY_KEY] is not None
    return asked or any(task[TASK_KEY] is not None for task in entry.tasks)
