"""A wire between the server and its database that can be slow, dead or cut, also at the very moment of a commit."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress

COMMITTED = b"COMMIT\0"  # how PostgreSQL ends its answer to a commit
RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Passes on what comes, on a port of its own, until it is told otherwise.

    `delay_s` lets each part wait; while it is `dead` nothing is passed on and nobody told (it arrives later, as over a
    network that repairs itself); `commits_to_cut` is how many answers to a commit are lost with their connection.
    """

    def __init__(self, port: int) -> None:
        self.delay_s = 0.0
        self.commits_to_cut = 0
        self.cut_at: list[float] = []
        self._target = port
        self._open: set[socket.socket] = set()
        self._gate = threading.Lock()
        self._alive = threading.Event()
        self._alive.set()
        self._refusing = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._open) // 2

    def over(self, url: str) -> str:
        """The database's address by way of this wire."""
        return url.replace(f":{self._target}/", f":{self.port}/")

    def die(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self._alive.clear()

    def live(self) -> None:
        """What waits is passed on."""
        self._refusing = False
        self._alive.set()

    def drop(self) -> None:
        """Every connection is reset, and none is accepted until it lives again."""
        self._refusing = True
        self.reset()

    def reset(self) -> None:
        """Every connection is reset."""
        with self._gate:
            gone, self._open = self._open, set()
        for one in gone:
            _reset(one)

    def close(self) -> None:
        """Ends it, and what it holds."""
        self._listening.close()
        self._alive.set()
        self.reset()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self._refusing:
                _reset(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            with self._gate:
                self._open |= {client, server}
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(one, other, one is server), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if self.delay_s:
                    time.sleep(self.delay_s)
                self._alive.wait()
                if answers and COMMITTED in data and self._cuts():
                    break
                target.sendall(data)
        with self._gate:
            self._open -= {source, target}
        for one in (source, target):
            _reset(one)

    def _cuts(self) -> bool:
        with self._gate:
            if not self.commits_to_cut:
                return False
            self.commits_to_cut -= 1
            self.cut_at.append(time.monotonic())
            return True


def _reset(one: socket.socket) -> None:
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        one.shutdown(socket.SHUT_RDWR)
    one.close()
