"""What a supervisor waits for: signals, and the pipes of its processes."""

from __future__ import annotations

import selectors
import signal
import socket
from collections.abc import Iterable

from assay.clock import ticks_us
from assay.web.keeping.children import Child


class Ears:
    """Listens to signals from its making on; those that were held back until then arrive first."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._woken, self._wake = socket.socketpair()
        for one in (self._woken, self._wake):
            one.settimeout(0)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._woken, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._wake.fileno())
        for number in (*numbers, signal.SIGCHLD):
            signal.signal(number, _noted)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

    def watch(self, children: Iterable[Child]) -> None:
        """Hears what these processes say from now on."""
        for child in children:
            if child.report is None:
                self._selector.register(child.reading, selectors.EVENT_READ, child)

    def wait(self, until_us: int) -> list[int]:
        """Returns when something has happened or the time has come; the signals that have arrived."""
        told: list[int] = []
        for key, _ in self._selector.select(max(0.0, (until_us - ticks_us()) / 1e6)):
            if key.data is None:
                told += self._woken.recv(4096)
            elif not key.data.hear():
                self._selector.unregister(key.fileobj)
        return told


def _noted(_number: int, _frame: object) -> None:
    """The byte that the interpreter writes to the wakeup socket is all that is wanted."""
