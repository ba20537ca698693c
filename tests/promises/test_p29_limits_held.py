"""P29: what is held in memory is counted: questions and records that wait, versions at hand, processes, uploads."""

from __future__ import annotations

import asyncio
import fcntl
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.clock import now_us
from assay.errors import Overloaded
from assay.settings import settings_for
from assay.store.record.recorder import Entry
from assay.web.express import Express
from assay.web.process import Process
from tests import chores
from tests.promises.checker import opened, rows
from tests.promises.limits import answers, connection, head, limit, read_by, tries, until
from tests.promises.servers import APPLICATION, STONE, Server, copy_of, start

STONES = "/v1/models/stones/predict"
GOOD = json.dumps(STONE).encode()
WAITING, UPLOAD = 3, 3 << 20
SMALL = {"max_waiting_rows": WAITING, "max_upload_bytes": UPLOAD}
CSV = {"Content-Type": "text/csv"}
LINES = "carat,depth,cut,color,price\n" + "".join(f"{1 + i / 100},61.0,Ideal,E,1000\n" for i in range(50))


@pytest.fixture(scope="module")
def database_kind() -> str:
    """What is held in memory is so whatever the database."""
    return "sqlite"


@pytest.fixture(scope="module")
def server(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with small limits; unharmed at the end."""
    running = start(copy_of(trained, tmp_path_factory.mktemp("held") / "home"), told=SMALL)
    yield running
    assert running.alive() and running.predict().status == 200
    running.kill()


@contextmanager
def nobody_writes(server: Server) -> Iterator[None]:
    """The store's turn to write is ours, for some seconds."""
    with (server.home / "assay.db.lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@tries("waiting-rows")
def test_questions_that_wait_for_a_model(server: Server) -> None:
    asked = head(STONES, f"Content-Length: {len(GOOD)}") + GOOD
    many = b"[" + b",".join([GOOD] * (WAITING + 1)) + b"]"
    assert server.ask(STONES, many).status == 200  # nobody else waits: a list is admitted whatever its length
    with ExitStack() as stack:
        clients = [stack.enter_context(connection(server)) for _ in range(WAITING + 1)]
        with nobody_writes(server):
            for client in clients:
                client.sendall(asked)
            for client in clients:
                until(lambda it=client: read_by(server, it), "a question is not read")  # type: ignore[misc]  # bound as it is now
            assert server.ask("/livez").status == 200
        found = [answers(client, 1)[0] for client in clients]
    assert sorted((one.status, one.code) for one in found) == [(200, "")] * WAITING + [(503, "overloaded")]
    assert [one.headers["retry-after"] for one in found if one.status == 503] == ["1"]


@tries("waiting-records", "heads")
def test_records_that_wait_and_heads_that_are_kept(home: Path) -> None:
    async def outcomes(process: Process) -> list[Any]:
        await process.start()
        try:
            waiting = [process.keep_entry(Entry(None, [])) for _ in range(limit("waiting-records") + 1)]
            return await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            await process.stop()

    process = Process(Assay.at(APPLICATION, home=home))
    found = asyncio.run(outcomes(process))
    assert [type(one) for one in found if one is not None] == [Overloaded]
    assert isinstance(found[-1], Overloaded)
    express = Express(process.shelf, process.settings, 1)
    for number in range(limit("heads") + 1):
        express.heads("stones", number)
    kept = express.heads.cache_info()
    assert (kept.currsize, kept.misses) == (limit("heads"), limit("heads") + 1)
    express.heads("stones", 1)
    assert express.heads.cache_info().hits == 1


@tries("pinned")
def test_versions_that_are_at_hand(server: Server) -> None:
    (first,) = rows(server.home, "SELECT * FROM versions WHERE model = 'notes' AND number = 1")
    numbers = [100 + i for i in range(limit("pinned") + 1)]
    with opened(server.home) as database:
        for number in numbers:
            columns = ", ".join(f'"{name}"' for name in first)
            told = [*(first | {"number": number, "created_at": now_us()}).values()]
            database.execute(f"INSERT INTO versions ({columns}) VALUES ({', '.join('?' * len(told))})", told)

    def ask(number: int) -> str:
        body = json.dumps({"text": "a", "count": 1, "weight": 1.0, "urgent": True}).encode()
        return server.ask(f"/v1/models/notes/versions/{number}/predict", body).code

    assert [ask(number) for number in numbers] == [""] * len(numbers)
    with opened(server.home) as database:  # whatever is asked of the store from now on is refused
        database.execute("UPDATE versions SET status = 'broken' WHERE number >= 100")
    assert [ask(number) for number in reversed(numbers)] == [""] * limit("pinned") + ["version_rejected"]


@tries("workers", "job-workers")
@pytest.mark.parametrize(("name", "setting"), [("workers", "workers"), ("job-workers", "job_workers")])
def test_processes(name: str, setting: str, tmp_path: Path) -> None:
    assert getattr(settings_for(tmp_path, **{setting: limit(name)}), setting) == limit(name)
    with pytest.raises(ValueError, match=setting):
        settings_for(tmp_path, **{setting: limit(name) + 1})


@tries("sifts", "sift-memory")
def test_uploads_that_are_proved_at_the_same_time(server: Server) -> None:
    def send(i: int) -> None:
        server.ask(f"/v1/datasets/proved{i}/rows", LINES.encode(), headers=CSV, timeout_s=60)

    count = limit("sifts") + 1
    for i in range(count):
        server.ask(f"/v1/datasets/proved{i}", b'{"model": "stones"}', method="PUT")
    sending = [threading.Thread(target=send, args=(i,)) for i in range(count)]
    for one in sending:
        one.start()
    most, memory = 0, set()
    while any(one.is_alive() for one in sending):
        proving = [pid for pid in chores.children(server.worker) if b"assay.app.given.sifting" in _file(pid, "cmdline")]
        most = max(most, len(proving))
        memory |= {
            line.split()[3] for pid in proving for line in _file(pid, "limits").splitlines() if b"address space" in line
        }
    assert most == limit("sifts")
    assert memory - {b"unlimited"} == {b"%d" % limit("sift-memory")}  # which the kernel keeps to
    assert all(server.ask(f"/v1/datasets/proved{i}").json["rows"] for i in range(count))


@tries("upload-body")
def test_a_body_of_rows(server: Server) -> None:
    server.ask("/v1/datasets/long", b'{"model": "stones"}', method="PUT")
    assert server.ask("/v1/datasets/long/rows", LINES.encode().ljust(UPLOAD, b"\n"), headers=CSV).status == 201
    told = server.ask("/v1/datasets/long/rows", LINES.encode().ljust(UPLOAD + 1, b"\n"), headers=CSV)
    assert (told.status, told.code) == (413, "too_large")
    assert (
        len(server.ask("/v1/datasets/long").json["parts"]) == 1 and list((server.home / "quarantine").iterdir()) == []
    )


def _file(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
