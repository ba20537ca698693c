"""A connection that sends what two readers could understand differently, too much, or too slowly, is ended with a reason."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.web import protocol
from assay.web.protocol import GuardedProtocol
from tests import tiny
from tests.web.running import Running, serving

GOOD = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


def talk(server: Running, *data: bytes, timeout_s: float = 10) -> bytes:
    """All that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout_s) as made:
        for part in data:
            made.sendall(part)
        found = b""
        while part := made.recv(65536):
            found += part
        return found


def one_answer(made: socket.socket) -> bytes:
    """A whole answer on a connection that may stay."""
    made.sendall(GOOD)
    found = b""
    while not found.endswith(b'{"status":"ok"}'):
        found += made.recv(65536)
    return found


def refusal(answer: bytes) -> tuple[int, str]:
    """Status and code of the only response."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    return int(head.split()[1]), json.loads(body)["code"]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)  # fmt: skip
def test_bad_framing_is_refused_and_the_connection_closed(server: Running, request_: bytes) -> None:
    assert refusal(talk(server, request_)) == (400, "bad_framing")


def test_too_many_or_too_long_headers_are_refused(server: Running) -> None:
    many = b"".join(b"X-%d: 1\r\n" % place for place in range(120))
    assert refusal(talk(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + many + b"\r\n")) == (
        431,
        "headers_too_large",
    )
    long = b"X: " + b"y" * 40_000 + b"\r\n"
    assert refusal(talk(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + long + b"\r\n")) == (
        431,
        "headers_too_large",
    )


def test_a_head_without_an_end_is_not_read_for_ever(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as made:
        made.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        found = b""
        try:
            for _ in range(200):
                made.sendall(b"X: " + b"y" * 1000 + b"\r\n")
                time.sleep(0.001)
            found = made.recv(65536)
        except OSError:
            return  # closed while we were still sending
        assert refusal(found) == (431, "headers_too_large")


def test_a_client_that_dawdles_is_told_so_and_closed(tmp_path: Path) -> None:
    with serving(tmp_path / "home", header_timeout_s=0.5, body_timeout_s=0.5) as server:
        assert refusal(talk(server, b"GET /livez HTT")) == (408, "request_timeout")
        body = (
            b"POST /price HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
        )
        assert refusal(talk(server, body)) == (408, "request_timeout")
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as made:
            assert one_answer(made).startswith(b"HTTP/1.1 200")
            time.sleep(2.5)  # an idle connection is not a slow request
            assert one_answer(made).startswith(b"HTTP/1.1 200")


def test_requests_sent_ahead_are_answered_in_their_order(server: Running) -> None:
    body = b'{"carat": %d, "cut": "Fair", "color": "D"}'
    sent = b""
    for weight in (1, 2, 3):
        data = body % weight
        sent += b"POST /v1/models/stone/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        sent += b"Content-Length: %d\r\n%s\r\n" % (len(data), b"Connection: close\r\n" if weight == 3 else b"") + data
    answers = [json.loads(part.partition(b"\r\n\r\n")[2]) for part in talk(server, sent).split(b"HTTP/1.1 200 ")[1:]]
    prices = [one["prediction"] for one in answers]
    assert len(prices) == 3
    assert prices == sorted(prices)


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many requests waited on a connection, whenever one more came."""
    seen: list[int] = []
    begin = GuardedProtocol.begin

    def noted(self: GuardedProtocol) -> None:
        begin(self)
        seen.append(len(self.pipeline))

    monkeypatch.setattr(GuardedProtocol, "begin", noted)
    return seen


def test_of_many_requests_sent_ahead_few_are_read_at_once_and_all_are_answered(
    server: Running, ahead: list[int]
) -> None:
    asked = 5_000
    last = GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    found = talk(server, GOOD * (asked - 1) + last, timeout_s=120)
    assert found.count(b"HTTP/1.1 200 ") == len(ahead) == asked
    assert 1 < max(ahead) <= 105, "as many as 4 KiB hold"


def test_a_body_behind_other_requests_is_read_whole(server: Running) -> None:
    question = json.dumps(tiny.QUESTION).encode() + b" " * 300_000
    head = b"POST /v1/models/stone/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    asked = head + b"Content-Length: %d\r\n\r\n%b" % (len(question), question)
    last = GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert talk(server, (GOOD + asked) * 3 + last, timeout_s=60).count(b"HTTP/1.1 200 ") == 7


def test_what_comes_with_an_earlier_request_has_the_same_limits(tmp_path: Path) -> None:
    with serving(tmp_path / "home", header_timeout_s=0.5) as server:
        first, _, second = talk(server, GOOD + b"GET /livez HTT").partition(b'{"status":"ok"}')
        assert first.startswith(b"HTTP/1.1 200")
        assert refusal(second) == (408, "request_timeout")
        long = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 40_000 + b"\r\n\r\n"
        found = talk(server, GOOD + long)
        assert found.count(b"HTTP/1.1 200 ") == 1
        fits = GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\nX: " + b"y" * 32_000 + b"\r\n\r\n")
        assert talk(server, GOOD + fits).count(b"HTTP/1.1 200 ") == 2


def test_a_body_in_pieces_is_put_together(server: Running) -> None:
    head = (
        b"POST /v1/models/stone/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    pieces = [b'{"carat": 1,', b' "cut": "Fair",', b' "color": "D"}']
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
    assert talk(server, head, *chunks, b"0\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_more_connections_than_accepted_are_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "home", max_connections=3) as server:
        held = []
        for _ in range(3):
            made = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            made.sendall(GOOD)
            assert made.recv(65536).startswith(b"HTTP/1.1 200")
            held.append(made)
        assert refusal(talk(server)) == (503, "too_many_connections")
        for made in held:
            made.close()


def test_a_trailer_does_not_take_a_headers_place(server: Running) -> None:
    body = json.dumps(tiny.QUESTION).encode()
    asked = (
        b"POST /v1/models/stone/predict HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n%x\r\n%b\r\n0\r\nHost: localhost\r\n\r\n"
        % (len(body), body)
    )
    assert talk(server, asked).startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize(
    "headers",
    [
        b"Host: localhost\r\nHost: localhost\r\n",
        b"Content-Type: application/json\r\nContent-Type: application/json\r\n",
    ],
)
def test_a_header_twice_does_not_stand_for_two(server: Running, headers: bytes) -> None:
    body = json.dumps(tiny.QUESTION).encode()
    head = b"POST /v1/models/stone/predict HTTP/1.1\r\n%bContent-Length: %d\r\nConnection: keep-alive\r\n\r\n"
    assert not talk(server, head % (headers, len(body)) + body).startswith(b"HTTP/1.1 200 ")


def test_who_asked_before_a_request_that_is_refused_is_answered_first(server: Running) -> None:
    body = json.dumps(tiny.QUESTION).encode()
    good = b"POST /v1/models/stone/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    good += b"Content-Length: %d\r\n\r\n" % len(body) + body
    found = talk(server, good + b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
    assert found.startswith(b"HTTP/1.1 200 ")
    assert found.count(b"HTTP/1.1 ") == 1


def test_where_answers_are_the_last_of_their_connection_all_that_were_asked_ahead_are_given(
    own_server: Running,
) -> None:
    body = json.dumps(tiny.QUESTION).encode()
    head = b"POST /v1/models/stone/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    question = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    own_server.protocol.closing = True
    for express in (False, True):
        found = talk(own_server, question + GOOD + question)
        assert found.count(b"HTTP/1.1 200") == 3
        assert found.count(b"connection: close") == 1
        assert b"connection: close" in found.rpartition(b"HTTP/1.1 200")[2]
        if not express:
            own_server.protocol.express.make_answers_last()


def test_a_connection_that_is_told_to_end_ends_after_its_next_answer(own_server: Running) -> None:
    with socket.create_connection(("127.0.0.1", own_server.port), timeout=10) as made:
        assert b"connection: close" not in one_answer(made)
        own_server.protocol.closing = True
        made.settimeout(0.3)
        with pytest.raises(TimeoutError):
            made.recv(1)
        made.settimeout(10)
        assert b"connection: close" in one_answer(made)
        assert made.recv(1) == b""


@pytest.mark.parametrize("asked", [GOOD, None])
def test_a_connection_that_stays_idle_is_closed_in_the_end(
    own_server: Running, monkeypatch: pytest.MonkeyPatch, asked: bytes | None
) -> None:
    body = json.dumps(tiny.QUESTION).encode()
    question = b"POST /v1/models/stone/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    monkeypatch.setattr(protocol, "KEEP_ALIVE_US", 300_000)
    began = time.monotonic()
    assert talk(own_server, asked or question + b"Content-Length: %d\r\n\r\n" % len(body) + body).startswith(
        b"HTTP/1.1 200"
    )
    assert 0.3 < time.monotonic() - began < 5


@pytest.mark.parametrize(
    "asked",
    [
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", b"HEAD /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /v1/models HTTP/1.0\r\nHost: localhost\r\n\r\n",
    ],
)  # fmt: skip
def test_an_answer_that_leaves_in_one_write_is_the_same_as_uvicorns_own(
    own_server: Running, monkeypatch: pytest.MonkeyPatch, asked: bytes
) -> None:
    sent: list[bool] = []
    together = own_server.protocol.together

    def counted(self: GuardedProtocol, *told: Any) -> bool:
        sent.append(together(self, *told))
        return sent[-1]

    def answered() -> list[bytes]:
        with socket.create_connection(("127.0.0.1", own_server.port), timeout=0.5) as made:
            made.sendall(asked)
            found = b""
            with suppress(TimeoutError):
                while part := made.recv(65536):
                    found += part
        head, _, body = found.partition(b"\r\n\r\n")
        return [*(line for line in head.split(b"\r\n") if not line.startswith((b"x-request-id", b"date"))), body[:15]]

    monkeypatch.setattr(own_server.protocol, "together", counted)
    first = answered()
    assert sent[0]
    monkeypatch.setattr(own_server.protocol, "together", lambda *_told: False)
    assert answered() == first


@pytest.mark.parametrize(
    ("status", "headers", "facts"),
    [
        (200, [(b"connection", b"close")], {}), (200, [(b"Transfer-Encoding", b"chunked")], {}),
        (200, [(b"bad name", b"1")], {}), (200, [(b"x", b"a\r\nb")], {}), (204, [], {}), (799, [], {}),
        (200, [], {"response_started": True}), (200, [], {"disconnected": True}), (200, [], {"scope": {}}),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_quite_simple_is_left_to_uvicorn(
    status: int, headers: list[tuple[bytes, bytes]], facts: dict[str, Any]
) -> None:
    def connection(**told: Any) -> tuple[Any, list[bytes]]:
        written: list[bytes] = []
        cycle = SimpleNamespace(
            **{"scope": scope, "response_started": False, "disconnected": False, "keep_alive": True} | told,
            default_headers=[], message_event=threading.Event(), on_response=lambda: None,
        )  # fmt: skip
        transport = SimpleNamespace(is_closing=lambda: False, write=written.append)
        return SimpleNamespace(cycle=cycle, flow=SimpleNamespace(write_paused=False), transport=transport), written

    scope: dict[str, Any] = {"type": "http"}
    simple, written = connection()
    assert GuardedProtocol.together(simple, scope, 200, [(b"x", b"1")], b"body")
    assert written == [b"HTTP/1.1 200 OK\r\nx: 1\r\n\r\nbody"]
    other, written = connection(**facts)
    assert not GuardedProtocol.together(other, scope, status, headers, b"")
    assert not written
