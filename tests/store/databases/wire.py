"""The wire between a client and a PostgreSQL server, on which a test can let go silent or be cut what it likes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

Watch = Callable[[bytes], bool]  # of what the server says: whether the connection is to be cut, and this not be heard


class Wire:
    """Passes everything on, both ways, until it is told otherwise."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._door = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.silent = False
        self.watch: Watch | None = None
        threading.Thread(target=self._welcome, daemon=True).start()

    @property
    def url(self) -> str:
        """The address of the same database over this wire."""
        _, _, host = self._url.netloc.rpartition("@")
        return self._url.geturl().replace(host, f"127.0.0.1:{self._door.getsockname()[1]}")

    def close(self) -> None:
        """Cuts everything."""
        for one in (self._door, *self._open):
            _end(one)

    def _welcome(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                server = socket.create_connection(("127.0.0.1", self._url.port or 0))
                self._open += [client, server]
                threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, said: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if said and self.watch is not None and self.watch(data):
                    break
                if not self.silent:
                    target.sendall(data)
        _end(source)
        _end(target)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
