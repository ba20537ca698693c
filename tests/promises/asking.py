"""Clients that ask for ever, whatever they are told: what arrived, on which connection, and how long they had to wait."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from assay.clock import now_us
from tests.promises.ledger import Acknowledged, Asked, acknowledged, mixed


@dataclass(frozen=True)
class Told:
    """An answer that arrived, on which connection; each connection leads to one process as long as it lasts."""

    connection: str
    asked: Acknowledged
    at: int  # when it was asked, in microseconds since 1970
    took_s: float


class Asking(threading.Thread):
    """One connection that asks a server for ever, and is made again whenever it ends."""

    def __init__(
        self, address: str, port: int, *, name: str = "", source: str = "", seed: int = 0, pause_s: float = 0.03,
        make: Callable[[random.Random], Asked] = mixed,
    ) -> None:  # fmt: skip
        super().__init__(daemon=True)
        self.told: list[Told] = []
        self.longest_s = 0.0  # until an answer came, or none
        self.server = name
        self._address = (address, port)
        self._source = source
        self._make = make
        self._pause_s = pause_s
        self._draw = random.Random(seed)
        self._over = threading.Event()

    @property
    def answered_at(self) -> int:
        """When the newest question was asked that was answered well."""
        return max((one.at for one in self.told if one.asked.status == 200), default=0)

    def run(self) -> None:
        """Until it is told to stop."""
        number = 0
        while not self._over.is_set():
            number += 1
            with suppress(OSError, http.client.HTTPException):
                self._converse(f"{self.server}/{self.name}/{number}")
            self._over.wait(0.1)

    def stop(self) -> None:
        """No more."""
        self._over.set()

    def _converse(self, connection: str) -> None:
        made = http.client.HTTPConnection(
            *self._address, timeout=30, source_address=(self._source, 0) if self._source else None
        )
        since = time.monotonic()
        try:
            while not self._over.is_set():
                asked, since, at = self._make(self._draw), time.monotonic(), now_us()
                made.request("POST", asked.path, asked.body, {"Host": "127.0.0.1", "Content-Type": "application/json"})
                answer = made.getresponse()
                headers = {name.lower(): value for name, value in answer.getheaders()}
                noted = acknowledged(asked, answer.status, headers, answer.read(), 0)
                self.told.append(Told(connection, noted, at, time.monotonic() - since))
                self.longest_s = max(self.longest_s, self.told[-1].took_s)
                self._over.wait(self._pause_s)
        except OSError:
            self.longest_s = max(self.longest_s, time.monotonic() - since)
            raise
        finally:
            made.close()


@contextmanager
def load(asking: Sequence[Asking]) -> Iterator[Sequence[Asking]]:
    """All of them ask while the block runs."""
    for one in asking:
        one.start()
    try:
        yield asking
    finally:
        for one in asking:
            one.stop()
        for one in asking:
            one.join(40)


def entries(asking: Sequence[Asking]) -> list[Acknowledged]:
    """Every answer that arrived."""
    return [one.asked for each in asking for one in each.told]
