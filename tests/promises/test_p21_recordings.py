"""P21 for recordings: one is an item when it is whole and heard, and leaves nothing behind when it is not."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests import heard, homes
from tests.promises.checker import artifact, integrity, opened, rows
from tests.promises.conftest import Tally
from tests.promises.servers import Answer, Server, parse, start
from tests.promises.test_p21_uploads import chunked, settled
from tests.waves import UNTOLD, wav

SECONDS = {"pr": 130, "nightly": 4_190}  # 2 MiB and 64 MiB
RATE = 8_000
STEP = 64 << 10
KILLS = {"pr": 3, "nightly": 40}
PATH = "/files/one.wav"
LIMIT = 80 << 20


def recording(seconds: float, *, told: bool = False) -> bytes:
    """A good file; unless its length is `told` in it, every beginning of it is a good file, too."""
    return wav(seconds, RATE, data_bytes=None if told else UNTOLD)


def head(length: int | None, *lines: str, path: str = PATH) -> bytes:
    """An upload's head; without a length the body is chunked."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return "\r\n".join([f"PUT {path} HTTP/1.1", "Host: localhost", framing, *lines]).encode() + b"\r\n\r\n"


def cut(server: Server, body: bytes, upto: int, *, framed: bool, pause_s: float = 0.0) -> None:
    """Sends the beginning of an upload, and goes away, at once or when the server has it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head(len(body)) + body[:upto] if framed else head(None) + chunked(body[:upto]))
        time.sleep(pause_s)


def upload(server: Server, body: bytes, path: str = PATH) -> Answer:
    """A whole upload."""
    return server.ask(path, body, method="PUT", headers={}, timeout_s=120)


def live(home: Path) -> list[str]:
    """The digests of the items that there are."""
    return [row["digest"] for row in rows(home, "SELECT digest FROM items WHERE ended_at IS NULL ORDER BY name")]


def leftovers(home: Path) -> list[str]:
    """What an upload that was given up has left: in quarantine, or as a file that no item has."""
    held = [f"{one.name} is in quarantine" for one in (home / "quarantine").glob("*")]
    known = live(home)
    return held + [
        f"the file {one.name} is no item's" for one in (home / "artifacts").glob("*/*") if one.name not in known
    ]


def halves(home: Path, *whole: bytes) -> list[str]:
    """Items that are not exactly what a client sent and meant."""
    meant = {sha256(one).hexdigest(): one for one in whole}
    return [
        f"an item of other bytes is seen: {digest}"
        for digest in live(home)
        if digest not in meant or artifact(home, digest).read_bytes() != meant[digest]
    ]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An application that keeps recordings, and that nobody has trained."""
    return heard.write(tmp_path_factory.mktemp("hearing") / "app")


@pytest.fixture
def begin(application: Path, fresh_home: Path) -> Callable[..., Server]:
    """Starts a server of the test's home, which is up, and not ready while no version answers."""

    def started(**told: object) -> Server:
        return start(fresh_home, application=application, ready=503, **told)  # type: ignore[arg-type]  # as `start` has them

    return started


@pytest.mark.timeout(3600)
def test_an_upload_that_is_cut_off_anywhere_leaves_nothing_and_what_was_there_stays(
    begin: Callable[..., Server], fresh_home: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    body, before, count = recording(SECONDS[tier]), recording(3, told=True), tally("P21")
    server = begin(told={"max_upload_bytes": LIMIT})
    try:
        assert upload(server, before).status == 201
        found = []
        for number, place in enumerate(range(STEP, len(body), STEP)):
            cut(server, body, place, framed=bool(number % 2), pause_s=0.05 * (number % 3))
            count.count(0)
        settled(server)
        found += halves(fresh_home, before) + leftovers(fresh_home)
        assert len(live(fresh_home)) == 1
        answer = upload(server, body)
        assert (answer.status, answer.json["size"]) == (201, len(body))
        settled(server)
        found += halves(fresh_home, body) + leftovers(fresh_home)
        recorded = server.exchange(answer.headers["x-request-id"])
        assert recorded is not None
        assert (recorded["request_size"], recorded["request"]) == (len(body), "")
    finally:
        server.kill()
    count.count(len(found))
    assert found == []


@pytest.mark.timeout(3600)
def test_a_server_that_is_killed_during_an_upload_shows_nothing_of_it(
    begin: Callable[..., Server], fresh_home: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    body, count = recording(SECONDS["pr"]), tally("P21")
    places = list(range(STEP, len(body), STEP))
    for number in range(KILLS[tier]):
        server = begin()
        place = places[number * (len(places) - 1) // max(KILLS[tier] - 1, 1)]
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(head(len(body)) + body[:place])
            time.sleep(0.05)
            server.kill()
        assert live(fresh_home) == []
        for left in (fresh_home / "quarantine").glob("*"):
            os.utime(left, (0, 0))  # an hour later
        server = begin()
        found = leftovers(fresh_home)
        assert server.ask("/v1/items/files").json["results"] == []
        server.kill()
        count.count(len(found))
        assert found == []


@pytest.mark.timeout(600)
def test_a_server_that_is_killed_while_it_keeps_an_upload_has_all_or_nothing(
    begin: Callable[..., Server], fresh_home: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    body, count = recording(60), tally("P21")
    seen = set()
    for number in range(KILLS[tier]):
        server = begin()
        path = f"/files/{number}.wav"
        killer = threading.Timer(0.02 + number * 0.6 / KILLS[tier], server.kill)
        killer.start()
        try:
            acknowledged = upload(server, body + bytes(2 * number), path).status == 201
        except (ConnectionError, OSError):
            acknowledged = False
        killer.join()
        server.kill()
        kept = rows(fresh_home, f"SELECT * FROM items WHERE name = '{number}.wav'")
        found = halves(fresh_home, *(body + bytes(2 * one) for one in range(number + 1)))
        found += ["an acknowledged upload is lost"] if acknowledged and not kept else []
        if homes.url_of(fresh_home) is None:
            with opened(fresh_home) as database:
                found += integrity(database)
        seen.add(bool(kept))
        count.count(len(found))
        assert found == []
    assert seen


@pytest.mark.timeout(300)
def test_what_was_acknowledged_is_there_after_a_kill_and_the_same_bytes_are_kept_once(
    begin: Callable[..., Server], fresh_home: Path
) -> None:
    body = recording(10)
    server = begin()
    first = upload(server, body)
    server.kill()
    server = begin()
    try:
        again, other = upload(server, body), upload(server, body, "/files/two.wav")
        assert (first.status, again.status, other.status) == (201, 200, 201)
        assert (again.json["id"], other.json["digest"]) == (first.json["id"], first.json["digest"])
        assert len(list((fresh_home / "artifacts").glob("*/*"))) == 1
        assert halves(fresh_home, body) + leftovers(fresh_home) == []
        assert server.ask(first.json["content"]).body == body
    finally:
        server.kill()


@pytest.mark.timeout(300)
def test_a_delete_that_is_acknowledged_leaves_no_byte_whoever_is_killed(
    begin: Callable[..., Server], fresh_home: Path
) -> None:
    server = begin()
    upload(server, recording(10))
    assert server.ask(PATH.replace("/files", "/v1/items/files"), method="DELETE").status == 204
    server.kill()
    assert live(fresh_home) == []
    assert [*(fresh_home / "artifacts").glob("*/*"), *(fresh_home / "quarantine").glob("*")] == []


@pytest.fixture
def bounded(begin: Callable[..., Server]) -> Iterator[Server]:
    """A server with short patience that takes at most 1 MiB."""
    server = begin(told={"max_upload_bytes": 1 << 20, "body_timeout_s": 1.5, "header_timeout_s": 1.5})
    yield server
    server.kill()


def emptied(server: Server) -> bool:
    """Whether nothing is left of what was tried."""
    settled(server)
    return live(server.home) == [] and leftovers(server.home) == []


def test_lies_about_the_length_are_found_out(bounded: Server) -> None:
    """Too long by what is told, too long by what comes, and shorter than told."""
    (answer,) = parse(bounded.raw(head(1 << 31)))
    assert (answer.status, answer.code, answer.headers["connection"]) == (413, "too_large", "close")
    body = recording(140)
    assert len(body) > 2 << 20
    with socket.create_connection(("127.0.0.1", bounded.port), timeout=10) as connection:
        connection.sendall(head(None))
        try:
            for place in range(0, len(body), 1 << 16):
                connection.sendall(chunked(body[place : place + (1 << 16)]))
        except ConnectionError:
            pass  # it has heard enough
    short = recording(10)
    bounded.raw(head(len(short) + 1) + short, wait_s=3, half_close=True)
    assert emptied(bounded)


def test_a_slow_drip_is_ended_and_removed(bounded: Server) -> None:
    body = recording(10)
    with socket.create_connection(("127.0.0.1", bounded.port), timeout=20) as connection:
        connection.sendall(head(len(body)) + body[:20_000])
        until, ended = time.monotonic() + 10, False
        connection.settimeout(0.2)
        while time.monotonic() < until and not ended:
            try:
                connection.sendall(b"1")
                ended = bool(connection.recv(1 << 16)) or True
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True
    assert ended, "the connection was never ended"
    assert emptied(bounded)


def test_without_the_mechanism_half_an_upload_is_an_item(begin: Callable[..., Server], fresh_home: Path) -> None:
    body = recording(30)
    server = begin(unsafe=("no-quarantine",))
    try:
        cut(server, body, len(body) // 2, framed=True, pause_s=0.5)
        until = time.monotonic() + 20
        while not live(fresh_home) and time.monotonic() < until:
            time.sleep(0.05)
        assert halves(fresh_home, body), "the checker must notice"
    finally:
        server.kill()
