"""P21: an upload is seen when it is whole and proved, and leaves nothing behind when it is not."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.promises.checker import artifact, integrity, opened, rows
from tests.promises.conftest import Tally
from tests.promises.servers import Answer, Server, parse, serving, start

SIZE = {"pr": 2 << 20, "nightly": 64 << 20}
STEP = 64 << 10
KILLS = {"pr": 3, "nightly": 40}
PATH = "/v1/datasets/mine/rows"
CSV = {"Content-Type": "text/csv"}
QUIET_S = 1.0
LIMIT = 80 << 20


def csv(size: int, seed: int = 1) -> bytes:
    """A good file of about this size, the same for the same seed."""
    draw = random.Random(seed)
    block = "".join(
        f"{draw.uniform(0.2, 3):.2f},{draw.uniform(50, 70):.1f},{draw.choice(('Fair', 'Good', 'Ideal'))},"
        f"{draw.choice('DEF')},{draw.uniform(300, 9000):.2f}\n"
        for _ in range(4096)
    ).encode()
    return b"carat,depth,cut,color,price\n" + block * max(1, size // len(block))


def line_ends(body: bytes) -> Iterator[int]:
    """For every 64 KiB of the body the end of a line near it: what came before is a good file by itself."""
    for place in range(STEP, len(body) - 1, STEP):
        yield body.rindex(b"\n", 0, place) + 1


def head(length: int | None, *lines: str) -> bytes:
    """An upload's head; without a length the body is chunked."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    told = ["POST /v1/datasets/mine/rows HTTP/1.1", "Host: localhost", "Content-Type: text/csv", framing, *lines]
    return "\r\n".join(told).encode() + b"\r\n\r\n"


def chunked(body: bytes) -> bytes:
    """The body as one chunk without its end."""
    return f"{len(body):x}\r\n".encode() + body + b"\r\n"


def cut(server: Server, body: bytes, upto: int, *, framed: bool, pause_s: float = 0.0) -> None:
    """Sends the beginning of an upload, and goes away, at once or when the server has it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head(len(body)) + body[:upto] if framed else head(None) + chunked(body[:upto]))
        time.sleep(pause_s)


def upload(server: Server, body: bytes) -> Answer:
    """A whole upload."""
    return server.ask(PATH, body, headers=CSV, timeout_s=120)


def created(server: Server) -> None:
    """The dataset, empty."""
    assert server.ask("/v1/datasets/mine", b'{"model": "stones"}', method="PUT").status in (200, 201)


def leftovers(home: Path) -> list[str]:
    """What an upload that was given up has left: in quarantine, or as a file that nothing names."""
    held = [f"{one.name} is in quarantine" for one in (home / "quarantine").glob("*")]
    named = {row["file"] for row in rows(home, "SELECT file FROM uploads")}
    named |= {row["id"] for row in rows(home, "SELECT id FROM datasets")}
    found = [one for one in (home / "artifacts").glob("*/*") if one.read_bytes()[:6] == b"carat,"]
    return held + [f"the file {one.name} belongs to nothing" for one in found if one.name not in named]


def halves(home: Path, whole: bytes) -> list[str]:
    """Parts of datasets that are not exactly what a client sent and meant."""
    parts = rows(home, "SELECT file, size FROM uploads")
    return [
        f"a part of {part['size']} bytes is seen"
        for part in parts
        if part["file"] != sha256(whole).hexdigest() or artifact(home, part["file"]).read_bytes() != whole
    ]


def settled(server: Server, timeout_s: float = 30) -> None:
    """Waits until no upload has been under way for a while: the last one may not have been begun yet."""
    until, quiet = time.monotonic() + timeout_s, time.monotonic()
    while time.monotonic() < until and time.monotonic() - quiet < QUIET_S:
        if list((server.home / "quarantine").glob("*")):
            quiet = time.monotonic()
        time.sleep(0.02)


@pytest.mark.timeout(3600)
def test_an_upload_that_is_cut_off_anywhere_leaves_nothing(
    home: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    """D27: at every 64 KiB, each beginning being a good file by itself."""
    body, count = csv(SIZE[tier]), tally("P21")
    with serving(home, told={"max_upload_bytes": LIMIT}) as server:
        created(server)
        for number, place in enumerate(line_ends(body)):
            cut(server, body, place, framed=bool(number % 2), pause_s=0.05 * (number % 3))
            count.count(0)
        settled(server)
        found = halves(home, body) + leftovers(home)
        assert rows(home, "SELECT * FROM uploads") == []
        answer = upload(server, body)
        assert (answer.status, answer.json["rows"]) == (201, body.count(b"\n") - 1)
        settled(server)
        found += halves(home, body) + leftovers(home)
        recorded = server.exchange(answer.headers["x-request-id"])
        assert recorded is not None
        assert (recorded["request_size"], recorded["request"]) == (len(body), body[:2048].decode())
    count.count(len(found))
    assert found == []


@pytest.mark.timeout(3600)
def test_a_server_that_is_killed_during_an_upload_shows_nothing_of_it(
    home: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    body, count = csv(SIZE["pr"]), tally("P21")
    places = list(line_ends(body))
    for number in range(KILLS[tier]):
        server = start(home)
        created(server)
        place = places[number * (len(places) - 1) // max(KILLS[tier] - 1, 1)]
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(head(len(body)) + body[:place])
            time.sleep(0.05)
            server.kill()
        assert rows(home, "SELECT * FROM uploads") == []
        for left in (home / "quarantine").glob("*"):
            os.utime(left, (0, 0))  # an hour later
        with serving(home) as server:
            found = leftovers(home)
            assert server.ask("/v1/datasets/mine").json["parts"] == []
        count.count(len(found))
        assert found == []


@pytest.mark.timeout(600)
def test_a_server_that_is_killed_while_it_keeps_an_upload_has_all_or_nothing(
    home: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    body, count = csv(300_000), tally("P21")
    seen = set()
    for number in range(KILLS[tier]):
        server = start(home)
        created(server)
        killer = threading.Timer(0.05 + number * 2.0 / KILLS[tier], server.kill)
        killer.start()
        try:
            acknowledged = upload(server, body).status in (200, 201)
        except (ConnectionError, OSError):
            acknowledged = False
        killer.join()
        server.kill()
        kept = rows(home, "SELECT * FROM uploads")
        found = halves(home, body) + (["an acknowledged upload is lost"] if acknowledged and not kept else [])
        with opened(home) as database:
            found += integrity(database)
        seen.add(bool(kept))
        count.count(len(found))
        assert found == []
    assert seen


@pytest.mark.timeout(300)
def test_what_was_acknowledged_is_there_after_a_kill_and_the_same_bytes_are_kept_once(home: Path) -> None:
    """D28."""
    body = csv(200_000)
    server = start(home)
    created(server)
    first = upload(server, body)
    server.kill()
    with serving(home) as server:
        again = upload(server, body)
        assert (first.status, again.status) == (201, 200)
        assert (again.json["upload"], again.json["deduplicated"]) == (first.json["upload"], True)
        parts = server.ask("/v1/datasets/mine").json["parts"]
        assert [(part["file"], part["size"]) for part in parts] == [(sha256(body).hexdigest(), len(body))]
        assert halves(home, body) + leftovers(home) == []


@pytest.fixture(scope="module")
def bounded(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with short patience that takes at most 1 MiB."""
    from tests.promises.servers import copy_of

    told = {"max_upload_bytes": 1 << 20, "body_timeout_s": 1.5, "header_timeout_s": 1.5}
    with serving(copy_of(trained, tmp_path_factory.mktemp("bounded") / "home"), told=told) as server:
        created(server)
        yield server


def emptied(server: Server) -> bool:
    """Whether nothing is left of what was tried."""
    settled(server)
    return rows(server.home, "SELECT * FROM uploads") == [] and leftovers(server.home) == []


def test_a_length_beyond_the_limit_is_refused_before_a_byte_is_read(bounded: Server) -> None:
    """D17."""
    (answer,) = parse(bounded.raw(head(1 << 31)))
    assert (answer.status, answer.code, answer.headers["connection"]) == (413, "too_large", "close")
    assert emptied(bounded)


def test_bytes_are_counted_whatever_was_told_of_them(bounded: Server) -> None:
    """D17: a chunked body tells no length."""
    body = csv(2 << 20)
    with socket.create_connection(("127.0.0.1", bounded.port), timeout=10) as connection:
        connection.sendall(head(None))
        answered = b""
        try:
            for place in range(0, len(body), 1 << 16):
                connection.sendall(chunked(body[place : place + (1 << 16)]))
            connection.sendall(b"0\r\n\r\n")
        except ConnectionError:
            pass  # it has heard enough
        connection.settimeout(10)
        try:
            answered = connection.recv(1 << 16)
        except ConnectionError:
            answered = b""
    assert not answered or parse(answered)[0].status == 413
    assert emptied(bounded)
    (kept,) = bounded.ask(f"/v1/exchanges?limit=1&path={PATH}").json["results"]
    assert kept["status"] == 413
    assert 1 << 20 < kept["request_size"] < 3 << 20


def test_a_body_that_is_shorter_than_told_is_none(bounded: Server) -> None:
    """D17: a file that is good by itself, told as longer."""
    body = csv(100_000)
    bounded.raw(head(len(body) + 1) + body, wait_s=3, half_close=True)
    assert emptied(bounded)


def test_a_slow_drip_is_ended_and_removed(bounded: Server) -> None:
    """D17."""
    body = csv(100_000)
    with socket.create_connection(("127.0.0.1", bounded.port), timeout=20) as connection:
        connection.sendall(head(len(body)) + body[:1000])
        answered = b""
        until = time.monotonic() + 10
        try:
            while time.monotonic() < until and not answered:
                connection.sendall(b"1")
                connection.settimeout(0.2)
                try:
                    answered = connection.recv(1 << 16)
                except TimeoutError:
                    continue
        except ConnectionError:
            pass
    assert time.monotonic() < until, "the connection was never ended"
    assert not answered or parse(answered)[0].status == 408
    assert emptied(bounded)


def test_a_steady_body_may_take_longer_than_the_patience(home: Path) -> None:
    body = csv(3 << 20)
    with serving(home, told={"body_timeout_s": 1.0}) as server:
        created(server)
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.sendall(head(len(body)))
            for place in range(0, len(body), 1 << 18):
                connection.sendall(body[place : place + (1 << 18)])
                time.sleep(0.2)
            answered = parse(connection.recv(1 << 16))
        assert [answer.status for answer in answered] == [201]


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_a_long_upload_takes_no_memory(home: Path) -> None:
    body = csv(300_000_000)
    highest = [0.0]
    with serving(home) as server:
        created(server)
        upload(server, csv(100_000, seed=2))
        before = resident_mb(server.workers[0])
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                highest[0] = max(highest[0], resident_mb(server.workers[0]))

        watching = threading.Thread(target=watch)
        watching.start()
        since = time.monotonic()
        answer = upload(server, body)
        took_s = time.monotonic() - since
        done.set()
        watching.join()
        assert (answer.status, answer.json["rows"]) == (201, body.count(b"\n") - 1)
    print(f"{len(body) / 1e6:.0f} MB in {took_s:.1f} s: {before:.0f} MB before, {highest[0]:.0f} MB at most")
    assert highest[0] < before + 40


def test_without_the_mechanism_half_an_upload_is_seen(home: Path) -> None:
    body = csv(200_000)
    with serving(home, unsafe=("no-quarantine",)) as server:
        created(server)
        cut(server, body, next(line_ends(body)), framed=True, pause_s=0.5)
        until = time.monotonic() + 20
        while not rows(home, "SELECT * FROM uploads") and time.monotonic() < until:
            time.sleep(0.05)
        assert halves(home, body), "the checker must notice"


def resident_mb(pid: int) -> float:
    """The memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
