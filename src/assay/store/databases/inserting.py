"""The record's way into SQLite: multi-row inserts on one connection, whose log is moved beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from assay.errors import StoreUnavailable, Unstorable
from assay.store.database import Values
from assay.store.databases.checkpointing import Checkpointer, beside_commits
from assay.store.databases.library import identity, sqlite
from assay.store.record import exchanges, predictions
from assay.store.work.queue import TASK_COLUMNS, TASKS_BEGIN

# Chunks are powers of two, so that a handful of prepared statements serves every group.
# values that cannot be bound; anything else that is not refused, such as a damaged page, is the store's own fault
NO_FAULT_OF_THE_STORE = (sqlite.DataError, sqlite.ProgrammingError, sqlite.InterfaceError)
LOOK_ROWS = 256  # after so many, whether the log is long enough to be moved
CHUNKS = (256, 64, 32, 16, 8, 4, 2, 1)


class File(NamedTuple):
    """What the writer needs of its database: where the file is, the turn, a connection, and to have readers start anew."""

    path: Path
    turn: Callable[[], AbstractContextManager[None]]
    connect: Callable[[], Any]
    renew: Callable[[], None]


class SqliteWriter:
    """Multi-row inserts on one connection; after a failure it is never trusted again (a failed sync must not be retried)."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._connection: Any = None
        self._log_path = f"{file.path}-wal"
        self._log: tuple[int, int] | None = None  # the log file that our connection has open
        self._checkpointer: Checkpointer | None = None
        self._rows = 0  # since the log was last looked at

    def write(self, asked: list[Values], answered: list[Values], queued: Sequence[Values] = ()) -> None:
        """As `Writer.write` has it."""
        try:
            with self._file.turn():
                self._insert(asked, answered, queued)
            self._look_after_log(len(asked) + len(answered) + len(queued))
        except sqlite.IntegrityError as refused:
            raise Unstorable(f"The record cannot be stored: {refused}.") from refused
        except StoreUnavailable:
            self.forget()
            raise
        except sqlite.DatabaseError as failed:
            if isinstance(failed, NO_FAULT_OF_THE_STORE):
                raise
            self.forget()
            raise StoreUnavailable(f"The record could not be written: {failed}.") from failed

    def forget(self) -> None:
        """Gives the connection back, and those of readers, who must not go on with files that are no longer there."""
        connection, self._connection = self._connection, None
        checkpointer, self._checkpointer = self._checkpointer, None
        if checkpointer is not None:
            checkpointer.stop()
        if connection is not None:
            self._file.renew()
            try:
                connection.close()
            except sqlite.Error:
                return

    def _look_after_log(self, rows: int) -> None:
        self._rows += rows
        if self._rows < LOOK_ROWS or not beside_commits():
            return
        self._rows = 0
        if self._checkpointer is None:
            file = self._file
            self._checkpointer = Checkpointer(file.connect, file.turn, lambda: identity(self._log_path) == self._log)
            self._checkpointer.start()
        self._checkpointer.written()

    def _insert(self, asked: list[Values], answered: list[Values], queued: Sequence[Values]) -> None:
        if self._connection is None:
            self._connection = self._file.connect()
            self._log = None
        elif self._log is not None and identity(self._log_path) != self._log:
            raise StoreUnavailable("The store's log file was moved or deleted while it was in use.")
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            _insert(execute, PLAIN_EXCHANGE_INSERTS, [row for row in asked if len(row) == PLAIN])
            _insert(execute, EXCHANGE_INSERTS, [row for row in asked if len(row) != PLAIN])
            _insert(execute, PLAIN_PREDICTION_INSERTS, [row for row in answered if len(row) == PLAIN_PREDICTION])
            _insert(
                execute,
                PREDICTION_INSERTS,
                [predictions.whole(row) for row in answered if len(row) != PLAIN_PREDICTION],
            )
            if queued:
                _insert(execute, TASK_INSERTS, queued)
            execute("COMMIT")
            self._log = self._log or identity(self._log_path)
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise


def _inserts(
    table: str, columns: tuple[str, ...], constants: dict[str, str | int | bool] | None = None
) -> dict[int, str]:
    fixed = {
        f'"{name}"': repr(value if isinstance(value, str) else int(value)) for name, value in (constants or {}).items()
    }
    row = "(" + ",".join(("?",) * len(columns) + tuple(fixed.values())) + ")"
    named = ",".join((*(f'"{name}"' for name in columns), *fixed))
    head = f"INSERT INTO {table} ({named}) VALUES "  # noqa: S608 - names from our own tables, no input
    return {size: head + ",".join([row] * size) for size in CHUNKS}


EXCHANGE_INSERTS = _inserts("exchanges", exchanges.COLUMNS)
PLAIN_EXCHANGE_INSERTS = _inserts("exchanges", exchanges.PLAIN_COLUMNS)
PLAIN = len(exchanges.PLAIN_COLUMNS)
PREDICTION_INSERTS = _inserts("predictions", predictions.COLUMNS)
PLAIN_PREDICTION_INSERTS = _inserts("predictions", predictions.PLAIN_COLUMNS)
PLAIN_PREDICTION = len(predictions.PLAIN_COLUMNS)
TASK_INSERTS = _inserts("jobs", TASK_COLUMNS, TASKS_BEGIN)


def _insert(execute: Any, inserts: dict[int, str], rows: Sequence[Values]) -> None:
    """Multi-row inserts: the interpreter's lock is given up once a statement, not once a row."""
    at = 0
    for size in CHUNKS:
        while len(rows) - at >= size:
            flat: list[Any] = []
            for row in rows[at : at + size]:
                flat += row
            execute(inserts[size], flat)
            at += size
