"""Hears, on a connection of its own, that somebody on any host has decided something."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from assay.outages import Outage

LOOK_S = 5.0
AGAIN_S = 1.0


class Listener(threading.Thread):
    """A convenience, never a promise: who listens looks for himself too, only less often while this works."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], channel: str, heard: Callable[[], None]) -> None:
        super().__init__(name="listen", daemon=True)
        self._connect = connect
        self._listen = sql.SQL("LISTEN {}").format(sql.Identifier(channel))
        self._heard = heard
        self._over = threading.Event()
        self._outage = Outage("not_listening")

    def run(self) -> None:
        """Listens until it is stopped; a connection that is lost is made again."""
        while not self._over.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(self._listen)
                    self._outage.over()
                    self._heard()  # whatever was told while nobody listened
                    self._hear(connection)
            except psycopg.Error as failed:
                if not self._over.is_set():
                    self._outage.failed(type(failed).__name__)
                    self._over.wait(AGAIN_S)

    def stop(self) -> None:
        """Nothing is heard any more; the thread ends with its next look, and with it the connection."""
        self._over.set()

    def _hear(self, connection: psycopg.Connection[Any]) -> None:
        while not self._over.is_set():
            for _ in connection.notifies(timeout=LOOK_S, stop_after=1):
                if not self._over.is_set():
                    self._heard()
            connection.execute("SELECT 1")  # a peer that is gone without a word is noticed here
