"""Moves what is in SQLite's write-ahead log to its place: beside the commits, so that nobody who records waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from typing import Any, NamedTuple

from assay.errors import StoreUnavailable
from assay.outages import Outage
from assay.store.database import Database
from assay.store.databases.library import WAL_RESET_FIXED, library, sqlite

PAGES = 1_000  # are moved at once
LONG_PAGES = 32_000  # are a log that must begin anew, for which the writers have to wait
MOST_PAGES = 2 * LONG_PAGES  # after which a commit moves them, if nobody beside it could
COMMIT_PAGES = (
    2_000  # after which a commit moves them where nobody may beside it: fewer than one in a hundred then waits
)
PAUSE_S = 0.02
READERS_MS = 20  # that those may take who still read in a long log; longer ones are left alone until the next time
AGAIN_S = 1.0


def checkpoint(database: Database) -> None:
    """Moves what is in the log to its place, as far as no reader needs it; raises StoreUnavailable.

    Where much is written that is no record, who records next would find all of it. PostgreSQL looks after its log itself.
    """
    if database.kind != "sqlite":
        return
    alone = nullcontext() if beside_commits() else database.turn()
    with alone, database.reading() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")


def beside_commits() -> bool:
    """Whether this library survives that one connection moves the log while another writes."""
    return library() >= WAL_RESET_FIXED


def pages_in_a_commit() -> int:
    """After how many pages of the log the commit that comes upon them has to move them itself."""
    return MOST_PAGES if beside_commits() else COMMIT_PAGES


class Checkpointer(threading.Thread):
    """Moves the log while others commit.

    A log begins anew only once all of it has been moved, which under load never happens by itself: there are always some
    pages that came meanwhile. So a long one is moved twice, the second time with the `turn` to write: what is left then is
    little, and so is the wait. `intact` says whether the log is still the one that the record is written to.
    """

    def __init__(
        self, connect: Callable[[], Any], turn: Callable[[], AbstractContextManager[None]], intact: Callable[[], bool]
    ) -> None:
        super().__init__(name="assay-checkpoints", daemon=True)
        self._connect = connect
        self._turn = turn
        self._intact = intact
        self._written = threading.Event()
        self._over = threading.Event()
        self._outage = Outage("log_not_moved")
        self._long = LONG_PAGES  # from where on it is to begin anew

    def written(self) -> None:
        """Has the log looked at: some has been written since the last time."""
        self._written.set()

    def stop(self) -> None:
        """Moves nothing any more; returns once the connection is given back, or without it where the disk hangs."""
        self._over.set()
        self._written.set()
        self.join(AGAIN_S)

    def run(self) -> None:
        """Moves until it is stopped; a connection that fails is made again."""
        while not self._over.is_set():
            try:
                with closing(self._connect()) as connection:
                    connection.execute(f"PRAGMA busy_timeout={READERS_MS}")
                    self._go_on(connection)
            except (sqlite.Error, StoreUnavailable) as failed:
                self._outage.failed(str(failed))
                self._over.wait(AGAIN_S)

    def _go_on(self, connection: Any) -> None:
        while self._written.wait() and not self._over.is_set():
            self._written.clear()
            if self._intact():
                self._move(connection)
                self._outage.over()
            self._over.wait(PAUSE_S)

    def _move(self, connection: Any) -> None:
        log = _checkpoint(connection, "NOOP")
        if log.pages - log.moved < PAGES:
            return
        log = _checkpoint(connection, "PASSIVE")
        if log.pages >= self._long:
            with self._turn():
                log = _checkpoint(connection, "RESTART")
            # who reads for long must not keep the writers waiting again and again
            self._long = log.pages + LONG_PAGES // 4 if log.busy else LONG_PAGES


class _Log(NamedTuple):
    busy: bool  # whether somebody was in the way
    pages: int
    moved: int


def _checkpoint(connection: Any, how: str) -> _Log:
    busy, pages, moved = connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
    return _Log(bool(busy), pages, moved)
