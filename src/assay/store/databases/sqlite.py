"""SQLite in WAL mode: every commit synced, one writer at a time on the whole machine."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from assay.clock import boot_clock, now_us, ticks_us
from assay.errors import StoreUnavailable
from assay.store.database import Database, Health, What, Writer, keeping_to_text, translating
from assay.store.databases.checkpointing import pages_in_a_commit
from assay.store.databases.inserting import File, SqliteWriter
from assay.store.databases.library import identity, sqlite
from assay.store.databases.stirring import Stirring

LEVELS = {0: "OFF", 1: "NORMAL", 2: "FULL"}
BUSY_TIMEOUT_S = 10.0
SOMETHING: dict[What, str] = {
    "queued": "SELECT 1 FROM jobs WHERE state = 'queued' AND verb IN ('predict', 'notify') LIMIT 1", "ended": "SELECT 1",
}  # fmt: skip
LOCK_LOOK_S = 0.0005


class Sqlite(Database):
    """One SQLite file. Readers never wait; writers take turns by a lock file that every process of the machine honours.

    SQLite's own busy handler sleeps in growing steps and starves some under load; the lock is looked at every half
    millisecond, and keeps two connections from ever writing at once: old libraries do not survive that one of them moves the log.
    Nobody waits for it for ever: its holder may have been stopped.
    """

    kind = "sqlite"

    def __init__(self, path: Path, *, synchronous: str = "FULL") -> None:
        self.path = path
        self._synchronous = synchronous
        self._turn = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock_path = path.with_name(path.name + ".lock")
        self._lock_file = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # SQLite's own default lets others read
        self._identities = {place: identity(place) for place in (str(path), str(self._lock_path))}
        self.engine = _engine(self.connect)

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
            # of all commits only the recorder's may move the log, and only where nobody has done it beside them
            raw.execute(f"PRAGMA wal_autocheckpoint={pages_in_a_commit() if checkpointing else 0}")
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
            _lock(self._lock_file)
            try:
                self.confirm()
                yield
            finally:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)
        finally:
            self._turn.release()

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
        """One transaction, as `Database.writing` has it."""
        with _translating(), self.turn(), self.engine.connect() as connection:
            writer = connection.execution_options(assay_writes=True)
            with writer.begin():
                if self.fence is not None:
                    self.fence(writer)
                yield writer

    def writer(self) -> Writer:
        """A connection of the record's own, whose log alone is looked after."""
        return SqliteWriter(File(self.path, self.turn, partial(self.connect, checkpointing=True), self.engine.dispose))

    def now(self, connection: Connection) -> int:
        """The machine's own clock: all processes of one file share it."""
        return now_us()

    def lease_clock(self, connection: Connection) -> tuple[str, int]:
        """The clock that nobody can set, of this start of the machine."""
        return boot_clock()

    def listen(self, heard: Callable[[], None], what: What = "decided") -> Callable[[], None] | None:
        """As `Database.listen` has it, for tasks; of decisions nobody hears."""
        if what == "decided":
            return None
        stirring = Stirring(self.connect, heard, SOMETHING[what])
        stirring.start()
        return stirring.stop

    def health(self) -> Health:
        """What SQLite finds wrong with its pages, and whether it syncs every commit of its write-ahead log."""
        with self.reading() as connection:
            found = [str(line) for line in connection.exec_driver_sql("PRAGMA quick_check").scalars()]
            mode = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())
            level = int(connection.exec_driver_sql("PRAGMA synchronous").scalar() or 0)
        told = f"journal_mode={mode}, synchronous={LEVELS.get(level, level)}"
        return Health([line for line in found if line != "ok"], mode == "wal" and level == 2, told)

    def close(self) -> None:
        """Gives back every connection and the lock file."""
        self.engine.dispose()
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1


def _engine(connect: Callable[[], Any]) -> Engine:
    engine = create_engine(
        "sqlite://", module=sqlite, creator=connect, poolclass=QueuePool, pool_size=4, max_overflow=60
    )
    event.listen(engine, "begin", _begin)
    keeping_to_text(engine)
    return engine


def _begin(connection: Connection) -> None:
    # a deferred transaction that turns writer fails at once when another has committed, whatever the timeout
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("assay_writes") else "BEGIN")


def _translating() -> AbstractContextManager[None]:
    return translating(lambda failed: f"The store failed: {getattr(failed, 'orig', failed)}.", sqlite.Error)


def _lock(file: int) -> None:
    until = ticks_us() + int(BUSY_TIMEOUT_S * 1e6)
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if ticks_us() > until:
                raise StoreUnavailable("Another process has held the store's lock for too long.") from None
            time.sleep(LOCK_LOOK_S)
        except OSError as failed:
            raise StoreUnavailable(f"The store's lock file failed: {failed.strerror}.") from failed
        else:
            return
