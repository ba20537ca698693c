"""Connections and transactions: SQLite in WAL mode, every commit synced, one writer at a time on the whole machine."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from assay.clock import ticks_us
from assay.errors import StoreUnavailable

try:  # the wheel carries an SQLite without the WAL-reset defect (fixed in 3.51.3); elsewhere the lock below stands in
    from pysqlite3 import dbapi2 as sqlite
except ImportError:  # pragma: no cover - platforms without the wheel
    import sqlite3 as sqlite

SqliteError = sqlite.Error
SqliteOperationalError = sqlite.OperationalError
SqliteIntegrityError = sqlite.IntegrityError
metadata = MetaData()
WAL_RESET_FIXED = (3, 51, 3)
BUSY_TIMEOUT_S = 10.0
LOCK_LOOK_S = 0.0005


class Database:
    """One SQLite file. Readers never wait; writers take turns by a lock file that every process of the machine honours.

    SQLite's own busy handler sleeps in growing steps and starves some under load; the lock is looked at every half
    millisecond, and keeps two connections from ever writing or checkpointing at once, which old libraries do not survive.
    Nobody waits for it for ever: its holder may have been stopped.
    """

    def __init__(self, path: Path, *, synchronous: str = "FULL") -> None:
        self.path = path
        self.fence: Callable[[Connection], None] | None = None  # raises where this process may not write any more
        self._synchronous = synchronous
        self._turn = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock_path = path.with_name(path.name + ".lock")
        self._lock_file = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # SQLite's own default lets others read
        self._identities = {place: identity(place) for place in (str(path), str(self._lock_path))}
        self.engine = self._make_engine()

    def _make_engine(self) -> Engine:
        engine = create_engine(
            "sqlite://", module=sqlite, creator=self.connect, poolclass=QueuePool, pool_size=4, max_overflow=60
        )
        event.listen(engine, "begin", _begin)
        return engine

    def connect(self, *, checkpointing: bool = False, cached_statements: int = 128) -> Any:
        """A raw connection with the product's guarantees set and read back; raises StoreUnavailable."""
        try:
            raw = sqlite.connect(
                str(self.path), timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False,
                cached_statements=cached_statements,
            )  # fmt: skip
            mode = raw.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            raw.execute(f"PRAGMA synchronous={self._synchronous}")
            raw.execute("PRAGMA foreign_keys=ON")
            # only the recorder's connection checkpoints, inside its own turn
            raw.execute(f"PRAGMA wal_autocheckpoint={1000 if checkpointing else 0}")
            level = raw.execute("PRAGMA synchronous").fetchone()[0]
        except sqlite.Error as failed:
            raise StoreUnavailable(f"The store cannot be opened: {failed}.") from failed
        if mode != "wal" or level != {"FULL": 2, "NORMAL": 1, "OFF": 0}[self._synchronous]:
            raise StoreUnavailable("The store's file system does not support SQLite's write-ahead log.")
        return raw

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The right to write; held by one thread of one process at a time."""
        if not self._turn.acquire(timeout=BUSY_TIMEOUT_S):
            raise StoreUnavailable("Another thread of this process has been writing for too long.")
        try:
            self._lock()
            try:
                self.confirm()
                yield
            finally:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)
        finally:
            self._turn.release()

    def _lock(self) -> None:
        until = ticks_us() + int(BUSY_TIMEOUT_S * 1e6)
        while True:
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if ticks_us() > until:
                    raise StoreUnavailable("Another process has held the store's lock for too long.") from None
                time.sleep(LOCK_LOOK_S)
            except OSError as failed:
                raise StoreUnavailable(f"The store's lock file failed: {failed.strerror}.") from failed
            else:
                return

    def confirm(self) -> None:
        """Raises StoreUnavailable where the files at hand are not those that we have open: they were moved or deleted."""
        for path, known in self._identities.items():
            if identity(path) != known:
                raise StoreUnavailable(f"The store's file {Path(path).name} was moved or deleted while it was in use.")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view; raises StoreUnavailable."""
        self.confirm()
        with _translating(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed at the end of the block or not at all; raises StoreUnavailable, or what `fence` raises."""
        with _translating(), self.turn(), self.engine.connect() as connection:
            writer = connection.execution_options(assay_writes=True)
            with writer.begin():
                if self.fence is not None:
                    self.fence(writer)
                yield writer

    def health(self) -> tuple[list[str], str, int]:
        """What SQLite finds wrong with its pages (nothing), the journal mode ("wal") and the level of synchronous (2)."""
        with self.reading() as connection:
            found = [str(line) for line in connection.exec_driver_sql("PRAGMA quick_check").scalars()]
            mode = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())
            level = int(connection.exec_driver_sql("PRAGMA synchronous").scalar() or 0)
        return [line for line in found if line != "ok"], mode, level

    def close(self) -> None:
        """Gives back every connection and the lock file."""
        self.engine.dispose()
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1

    @staticmethod
    def library() -> tuple[int, ...]:
        """The version of the SQLite library in use."""
        return tuple(int(part) for part in sqlite.sqlite_version.split("."))


def identity(path: str) -> tuple[int, int] | None:
    """What the file system knows a file by; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a path object takes twice as long, before every commit
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _begin(connection: Connection) -> None:
    # a deferred transaction that turns writer fails at once when another has committed, whatever the timeout
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("assay_writes") else "BEGIN")


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, sqlite.Error) as failed:
        raise StoreUnavailable(f"The store failed: {getattr(failed, 'orig', failed)}.") from failed
