"""Group commit: whoever waits is written in one transaction, and nobody is told of an answer before its record is durable.

There is no thread of its own. The first to come leads: while its group commits, all others queue, and the next leader
takes everything that has gathered. Under load a sync to disk is shared by many; alone, nobody waits for company.
"""

from __future__ import annotations

import threading
from typing import Any

from assay.errors import AlreadyAnswered, AssayError, StoreUnavailable, Unstorable
from assay.store.database import Database, SqliteError, SqliteIntegrityError, SqliteOperationalError, identity
from assay.store.record import exchanges, predictions

# Chunks are powers of two, so that a handful of prepared statements serves every group.
CHUNKS = (256, 64, 32, 16, 8, 4, 2, 1)
IDEMPOTENCY_KEY = exchanges.COLUMNS.index("idempotency_key")
Values = tuple[Any, ...]


class Entry:
    """What belongs to one answer and is kept together or not at all; `error` says why it was not."""

    __slots__ = ("done", "error", "exchange", "predictions")

    def __init__(self, exchange: Values | None, predictions: list[Values]) -> None:
        self.exchange = exchange
        self.predictions = predictions
        self.error: AssayError | None = None
        self.done = False


class Recorder:
    """Writes exchanges and predictions; `record` returns when they are durable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[Entry] = []
        self._gate = threading.Lock()
        self._lead = threading.Lock()
        self._connection: Any = None
        self._log_path = f"{database.path}-wal"
        self._log: tuple[int, int] | None = None  # the log file that our connection has open

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
            self._forget()

    def _commit(self, group: list[Entry]) -> None:
        try:
            self._write(group)
        except Exception as failed:  # noqa: BLE001 - whatever it was, nobody may take it for a durable record
            self._commit_one_by_one(group, failed)
        for entry in group:
            entry.done = True

    def _commit_one_by_one(self, group: list[Entry], failed: Exception) -> None:
        """One unstorable record never fails its neighbours; a store that fails, fails them all."""
        if isinstance(failed, StoreUnavailable | SqliteOperationalError):
            self._forget()
            for entry in group:
                entry.error = StoreUnavailable(f"The record could not be written: {failed}.")
            return
        for entry in group:
            try:
                self._write([entry])
            except SqliteIntegrityError as refused:
                row = entry.exchange or ()
                keyed = len(row) > IDEMPOTENCY_KEY and row[IDEMPOTENCY_KEY] is not None
                entry.error = AlreadyAnswered() if keyed else Unstorable(f"The record cannot be stored: {refused}.")
            except (StoreUnavailable, SqliteOperationalError) as lost:
                self._forget()
                entry.error = StoreUnavailable(f"The record could not be written: {lost}.")
            except Exception as refused:  # noqa: BLE001 - as above
                entry.error = Unstorable(f"The record of this exchange cannot be stored: {refused}.")

    def _write(self, group: list[Entry]) -> None:
        asked = [entry.exchange for entry in group if entry.exchange is not None]
        answered = [row for entry in group for row in entry.predictions]
        with self._database.turn():
            if self._connection is None:
                self._connection = self._database.connect(checkpointing=True)
                self._log = None
            elif self._log is not None and identity(self._log_path) != self._log:
                raise StoreUnavailable("The store's log file was moved or deleted while it was in use.")
            execute = self._connection.execute
            execute("BEGIN IMMEDIATE")
            try:
                _insert(execute, PLAIN_EXCHANGE_INSERTS, [row for row in asked if len(row) == PLAIN])
                _insert(execute, EXCHANGE_INSERTS, [row for row in asked if len(row) != PLAIN])
                _insert(execute, PREDICTION_INSERTS, answered)
                execute("COMMIT")
                self._log = self._log or identity(self._log_path)
            except BaseException:
                if self._connection.in_transaction:
                    execute("ROLLBACK")
                raise

    def _forget(self) -> None:
        """After a failed write the connection is never trusted again (a failed sync must not be retried)."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._database.engine.dispose()  # readers must not go on with files that are no longer there
            try:
                connection.close()
            except SqliteError:
                return


def _inserts(table: str, columns: tuple[str, ...]) -> dict[int, str]:
    row = "(" + ",".join("?" * len(columns)) + ")"
    head = f"INSERT INTO {table} ({','.join(columns)}) VALUES "  # noqa: S608 - names from our own tables, no input
    return {size: head + ",".join([row] * size) for size in CHUNKS}


EXCHANGE_INSERTS = _inserts("exchanges", exchanges.COLUMNS)
PLAIN_EXCHANGE_INSERTS = _inserts("exchanges", exchanges.PLAIN_COLUMNS)
PLAIN = len(exchanges.PLAIN_COLUMNS)
PREDICTION_INSERTS = _inserts("predictions", predictions.COLUMNS)


def _insert(execute: Any, inserts: dict[int, str], rows: list[Values]) -> None:
    """Multi-row inserts: the interpreter's lock is given up once a statement, not once a row."""
    at = 0
    for size in CHUNKS:
        while len(rows) - at >= size:
            flat: list[Any] = []
            for row in rows[at : at + size]:
                flat += row
            execute(inserts[size], flat)
            at += size
