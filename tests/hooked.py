"""Somebody who is told of tasks: a server of one's own that takes requests, keeps them, and answers as a test says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


@contextmanager
def receiver(*answers: bytes, wait_s: float = 0.0) -> Iterator[tuple[int, list[bytes]]]:
    """Takes as many requests as it has answers (one), the last for all that follow; its port, and what came.

    With `wait_s` it answers byte by byte, with such pauses between.
    """
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, answers or (NO_CONTENT,), wait_s, came), daemon=True)
        thread.start()
        yield listening.getsockname()[1], came
    thread.join(10)


def _serve(listening: socket.socket, answers: tuple[bytes, ...], wait_s: float, came: list[bytes]) -> None:
    listening.settimeout(0.2)
    while listening.fileno() >= 0:
        with suppress(OSError):  # nobody yet, or it is over
            connection, _ = listening.accept()
            with connection:
                connection.settimeout(5)
                came.append(_request(connection))
                _send(connection, answers[min(len(came), len(answers)) - 1], wait_s)


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < _length(data):
        chunk = connection.recv(65_536)
        if not chunk:
            break
        data += chunk
    return data


def _send(connection: socket.socket, answer: bytes, wait_s: float) -> None:
    if not wait_s:
        connection.sendall(answer)
        return
    for place in range(len(answer)):
        time.sleep(wait_s)
        connection.sendall(answer[place : place + 1])


def _length(data: bytes) -> int:
    head = data.partition(b"\r\n\r\n")[0].lower()
    return next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
