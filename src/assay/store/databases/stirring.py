"""Notices that another process has written to the SQLite file, by a look so cheap that it can be had often."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

from assay.clock import ticks_us
from assay.errors import StoreUnavailable
from assay.outages import Outage
from assay.store.databases.library import sqlite

QUICK_S, USUAL_S = 0.002, 0.01
QUICK_FOR_US = 200_000  # after something was found
AGAIN_S = 1.0


class Stirring(threading.Thread):
    """Calls `heard` soon after a commit of anybody's, where the query then finds something.

    SQLite counts the commits that a connection has not made itself (`data_version`); to ask for the count takes three
    microseconds and reads nothing. A convenience, never a promise: who listens looks for himself too.
    """

    def __init__(self, connect: Callable[[], Any], heard: Callable[[], None], query: str = "SELECT 1") -> None:
        super().__init__(name="stirring", daemon=True)
        self._connect = connect
        self._heard = heard
        self._query = query
        self._over = threading.Event()
        self._outage = Outage("not_listening")

    def run(self) -> None:
        """Looks until it is stopped; a connection that fails is made again."""
        while not self._over.is_set():
            try:
                with closing(self._connect()) as connection:
                    self._outage.over()
                    self._look(connection)
            except (sqlite.Error, StoreUnavailable) as failed:
                self._outage.failed(type(failed).__name__)
                self._over.wait(AGAIN_S)

    def stop(self) -> None:
        """Nothing is heard any more; the thread ends with its next look."""
        self._over.set()

    def _look(self, connection: Any) -> None:
        seen, found_at = None, ticks_us()
        while not self._over.is_set():
            now = connection.execute("PRAGMA data_version").fetchone()[0]
            if now != seen:
                seen = now
                if connection.execute(self._query).fetchone() is not None:
                    found_at = ticks_us()
                    self._heard()
            self._over.wait(QUICK_S if ticks_us() - found_at < QUICK_FOR_US else USUAL_S)
