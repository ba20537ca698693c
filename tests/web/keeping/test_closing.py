"""A socket that accepts no more resets nobody, and refuses once it is closed."""

from __future__ import annotations

import socket
import sys
import threading
import time

import pytest

from assay.web.keeping.closing import accept_no_more

ROUNDS, CLIENTS = 60, 8
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel has no such filter")


def _listening(host: str = "127.0.0.1") -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.bind((host, 0))
    made.listen(64)
    made.settimeout(0.01)
    return made


def _answered(listening: socket.socket) -> bool:
    try:
        connection, _ = listening.accept()
    except TimeoutError:
        return False
    with connection:
        connection.recv(1)
        connection.send(b"y")
    return True


def _ask_until_refused(address: tuple[str, int], ends: list[str]) -> None:
    while True:
        with socket.socket() as client:
            try:
                client.connect(address)
                client.send(b"x")
                if client.recv(1) != b"y":
                    ends.append("no answer")
                    return
            except OSError as failed:
                ends.append(type(failed).__name__)
                return


@linux
def test_who_is_let_in_is_answered_and_all_others_are_refused() -> None:
    ends: list[str] = []
    clients = []
    for _ in range(ROUNDS):
        listening = _listening()
        asking = [
            threading.Thread(target=_ask_until_refused, args=(listening.getsockname(), ends)) for _ in range(CLIENTS)
        ]
        for client in asking:
            client.start()
        until = time.monotonic() + 0.03
        while time.monotonic() < until:
            _answered(listening)
        accept_no_more(listening)
        until = time.monotonic() + 0.1
        while _answered(listening) and time.monotonic() < until:
            pass
        listening.close()
        clients += asking
    for client in clients:
        client.join()
    assert ends == ["ConnectionRefusedError"] * (ROUNDS * CLIENTS)


@linux
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_who_came_before_is_still_accepted_and_talks_on(host: str) -> None:
    with _listening(host) as listening, socket.socket(listening.family) as before:
        before.settimeout(10)
        before.connect(listening.getsockname())
        accept_no_more(listening)
        with socket.socket(listening.family) as late, pytest.raises(TimeoutError):
            late.settimeout(0.3)
            late.connect(listening.getsockname())
        before.send(b"x")
        assert _answered(listening)
        assert before.recv(1) == b"y"
        assert not _answered(listening)


def test_without_filters_the_queue_is_as_short_as_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with _listening() as listening, socket.socket() as client:
        accept_no_more(listening)
        client.settimeout(10)
        client.connect(listening.getsockname())  # so one is still let in
        client.send(b"x")
        assert _answered(listening)
