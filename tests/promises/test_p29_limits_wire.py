"""P29: what is on its way is counted: connections, headers, and bytes that nobody has read yet, either way."""

from __future__ import annotations

import json
import resource
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from assay.web.server import bind
from tests.promises.checker import rows
from tests.promises.limits import answers, connected, connection, head, held, limit, read_by, settled, tries, until
from tests.promises.servers import STONE, Server, copy_of, parse, start

STONES = "/v1/models/stones/predict"
GOOD = json.dumps(STONE).encode()
CONNECTIONS = 9
LINES = "carat,depth,cut,color,price\n" + "".join(f"{1 + i / 100},61.0,Ideal,E,1000\n" for i in range(50))


@pytest.fixture(scope="module")
def database_kind() -> str:
    """What is on its way is so whatever the database."""
    return "sqlite"


@pytest.fixture(scope="module")
def server(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with small limits; unharmed at the end."""
    running = start(copy_of(trained, tmp_path_factory.mktemp("wire") / "home"), told={"max_connections": CONNECTIONS})
    yield running
    assert running.alive() and running.predict().status == 200
    running.kill()


# ---- connections and heads


@tries("connections")
def test_open_connections(server: Server) -> None:
    until(lambda: connected(server.port) == 0, "somebody is connected still")
    with ExitStack() as stack:
        clients = [stack.enter_context(connection(server)) for _ in range(CONNECTIONS)]
        for client in clients:
            client.sendall(head("/livez", method="GET"))
            assert [answer.status for answer in answers(client, 1)] == [200]
        one_more = stack.enter_context(connection(server))
        (told,) = parse(one_more.recv(1 << 20))
        assert (told.status, told.code, one_more.recv(1)) == (503, "too_many_connections", b"")
        clients[0].sendall(head("/livez", method="GET"))
        assert [answer.status for answer in answers(clients[0], 1)] == [200]
    until(lambda: connected(server.port) == 0, "somebody is connected still")


@tries("backlog")
def test_connections_that_nobody_has_accepted() -> None:
    most = min(limit("backlog"), int(Path("/proc/sys/net/core/somaxconn").read_text())) + 1  # Linux holds one more
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with ExitStack() as stack:
            listening = stack.enter_context(bind("127.0.0.1", 0))
            states = []
            for _ in range(most + 1):
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(listening.getsockname())
                states.append(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0])
            assert states == [1] * most + [2]  # established, and still waiting for the system's word
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@tries("headers")
def test_headers(server: Server) -> None:
    for more, status in ((0, 200), (1, 431)):
        lines = [f"X-{i}: 1" for i in range(limit("headers") + more - 3)]
        (told,) = parse(server.raw(head(STONES, *lines, f"Content-Length: {len(GOOD)}") + GOOD))
        assert (told.status, told.code) == (status, "" if status == 200 else "headers_too_large")


@tries("head")
def test_bytes_of_a_head(server: Server) -> None:
    frame = len("GET  HTTP/1.1\r\n\r\n")  # which is not counted
    for more, status in ((0, 200), (1, 431)):
        filled = limit("head") + more + frame - len(head("/livez", "X-Filled: ", method="GET"))
        (told,) = parse(server.raw(head("/livez", "X-Filled: " + "x" * filled, method="GET")))
        assert (told.status, told.code) == (status, "" if status == 200 else "headers_too_large")


@tries("beside-body")
@pytest.mark.parametrize("beside", [b"0\r\nX-Trailer: ", b"1;"], ids=["a trailer", "an extension"])
def test_bytes_beside_a_body(beside: bytes, server: Server) -> None:
    with connection(server) as client:
        client.sendall(head(STONES, "Transfer-Encoding: chunked") + b"1\r\n \r\n")
        until(lambda: read_by(server, client), "the body is not read")
        client.sendall(beside + b"x" * (limit("beside-body") - len(beside)))
        until(lambda: read_by(server, client), "what is beside it is not read")
        assert server.ask("/livez").status == 200
        assert select.select([client], [], [], 0)[0] == []  # nothing is refused yet
        client.sendall(b"x")
        (told,) = answers(client, 1)
        assert (told.status, told.code) == (431, "headers_too_large")


# ---- bytes on their way


@tries("sent-ahead")
def test_bytes_that_are_sent_ahead(server: Server) -> None:
    job = server.ask("/v1/models/notes/train", b"{}").json["id"]  # nobody works here: it stays queued
    ahead = head("/livez", "X-Filled: " + "x" * 4000, method="GET")
    with connection(server) as client:
        client.sendall(head(f"/v1/jobs/{job}?wait=60", method="GET"))
        until(lambda: read_by(server, client), "the first request is not read")
        sent = 0
        while sent < 2 * limit("sent-ahead"):
            client.sendall(ahead)
            sent += len(ahead)
        port = client.getsockname()[1]
        read = settled(lambda: sent - held(port, server.port).both)
        assert 0 < read <= limit("sent-ahead")
        assert server.ask(f"/v1/jobs/{job}/cancel", method="POST").status == 200
        found = answers(client, 1 + sent // len(ahead))  # later, and nothing is lost
    assert [one.status for one in found] == [200] * (1 + sent // len(ahead))


@tries("unread-answers")
def test_answers_that_nobody_reads(server: Server) -> None:
    body = json.dumps([STONE] * 700).encode()
    before = _answered(server)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.settimeout(20)
        for asked in range(1, 200):
            client.sendall(head(STONES, f"Content-Length: {len(body)}") + body)
            try:
                until(lambda told=before + asked: _answered(server) == told, "it waits", 1.0)  # type: ignore[misc]  # bound as it is now
            except AssertionError:
                break
        there = _answered(server) - before
        port = client.getsockname()[1]
        at_hand = settled(lambda: held(server.port, port).both)
        found = answers(client, asked)
    sizes = [len(one.body) + 400 for one in found]  # more than a head has
    assert there < asked < 199
    assert sum(sizes[:there]) - at_hand <= limit("unread-answers") + 2 * max(sizes) + 400 * asked
    assert [one.status for one in found] == [200] * asked  # later, and nothing is lost


@tries("upload-held")
def test_bytes_of_an_upload_that_wait(server: Server) -> None:
    server.ask("/v1/datasets/held", b'{"model": "stones"}', method="PUT")
    most = limit("upload-held")
    with connection(server) as client:
        client.sendall(head("/v1/datasets/held/rows", f"Content-Length: {2 * most}", kind="text/csv"))
        client.sendall(LINES.encode().ljust(most - 1, b"\n"))
        until(lambda: read_by(server, client), "the upload is not read")
        until(lambda: _quarantined(server) == [0], "there is no draft")
        assert server.ask("/livez").status == 200
        assert _quarantined(server) == [0]
        client.sendall(b"\n")
        until(lambda: _quarantined(server) == [most], "it is not written")
    until(lambda: _quarantined(server) == [], "the draft stays")


@tries("refused-rest")
def test_the_rest_of_a_refused_upload(server: Server) -> None:
    for more, kept in ((0, None), (1, "close")):
        body = b"\n" * (limit("refused-rest") + more)
        with connection(server) as client:
            client.sendall(head("/v1/datasets/none/rows", f"Content-Length: {len(body)}", kind="text/csv"))
            client.sendall(body[: len(body) // 2] if more else body)
            (told,) = answers(client, 1)
        assert (told.code, told.headers.get("connection")) == ("dataset_not_found", kept)


def _answered(server: Server) -> int:
    (found,) = rows(server.home, "SELECT count(*) AS n FROM exchanges WHERE path = ? AND request_size > 1000", STONES)
    return int(found["n"])


def _quarantined(server: Server) -> list[int]:
    return [one.stat().st_size for one in (server.home / "quarantine").glob("*.part")]
