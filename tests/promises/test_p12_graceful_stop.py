"""P12: a server that is told to stop, or to read everything anew, fails nobody who has asked."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.promises.checker import violations
from tests.promises.conftest import SQLITE, Tally
from tests.promises.ledger import Asked, Ledger, Load, mixed, stone
from tests.promises.servers import (
    APPLICATION,
    PLAIN,
    SERVE,
    STONE,
    Server,
    children,
    environment,
    running,
    serving,
    start,
)

RELOADS = {"pr": 2, "nightly": 50}
STOPS = {"pr": 2, "nightly": 20}
CONNECTIONS = 64
PAUSE_S = CONNECTIONS / 300  # about 300 requests a second
SLOWEST_S = 2.0
PATIENCE_S = 60.0
STORELESS = SQLITE  # sockets and the application's folder are all that it is about: no database has a say in it
ROUTES = """
import asyncio

CODE = 0


@router.get("/code")
async def code() -> dict[str, int]:
    return {"code": CODE}


@router.post("/slow")
async def slow(stone: Annotated[Stone, Body()], seconds: float) -> dict[str, Any]:
    await asyncio.sleep(seconds)
    return await price(stone)
"""


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """The application with a slow route, and one that tells which code is running."""
    place = tmp_path / "stones"
    shutil.copytree(APPLICATION, place, ignore=shutil.ignore_patterns("__pycache__"))
    with (place / "api.py").open("a") as routes:
        routes.write(ROUTES)
    return place


def partly_slow(draw: random.Random) -> Asked:
    """The usual mixture, and some requests that take their time."""
    if draw.random() > 0.04:
        return mixed(draw)
    return Asked(f"/slow?seconds={draw.uniform(0.1, SLOWEST_S):.2f}", json.dumps(stone(draw)).encode())


def load_on(server: Server, ledger: Ledger, seed: int = 0) -> Load:
    """About 300 requests a second without retries, some of them slow in the server or slow on their way."""
    return Load(server.port, ledger, partly_slow, seed=seed, pause_s=PAUSE_S, dawdle_s=SLOWEST_S)


def reloaded(server: Server) -> str:
    """Tells the server to reload, and waits until it has; why it refused to."""
    before = server.notice()["reloads"]
    os.kill(server.pid, signal.SIGHUP)
    until = time.monotonic() + PATIENCE_S
    while server.notice()["reloads"] == before:
        assert time.monotonic() < until, "the reload does not end"
        time.sleep(0.02)
    server.workers = server.notice()["workers"]
    return str(server.notice()["outcome"])


def write_code(application: Path, number: int) -> None:
    """A new version of the application's own code."""
    api = application / "api.py"
    lines = [f"CODE = {number}" if line.startswith("CODE = ") else line for line in api.read_text().splitlines()]
    api.write_text("\n".join(lines) + "\n")


def until_gone(pids: list[int], timeout_s: float = PATIENCE_S) -> None:
    until = time.monotonic() + timeout_s
    while left := [pid for pid in pids if running(pid)]:
        assert time.monotonic() < until, f"{left} did not end"
        time.sleep(0.02)


def reloads_under_load(server: Server, application: Path, ledger: Ledger, reloads: int) -> Load:
    """The load during so many reloads, each of which brings new code and new processes."""
    load, wrong = load_on(server, ledger), []

    def reload() -> None:
        try:
            for number in range(1, reloads + 1):
                old = server.workers
                write_code(application, number)
                wrong.append(reloaded(server))
                until_gone(old)
                wrong.extend("old code" for _ in range(6) if server.ask("/code").json["code"] != number)
        except (AssertionError, OSError, http.client.HTTPException) as failed:
            wrong.append(repr(failed))
        finally:
            load.stop()

    other = threading.Thread(target=reload)
    other.start()
    asyncio.run(load.run(CONNECTIONS))
    other.join()
    assert [said for said in wrong if said] == []
    return load


@pytest.mark.timeout(3600)
def test_a_reload_under_load_fails_nothing_and_loses_nothing(
    home: Path, tmp_path: Path, application: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    ledger, count = Ledger(tmp_path / "ledger"), tally("P12")
    with serving(home, workers=2, application=application, told={"drain_timeout_s": 20}) as server:
        load = reloads_under_load(server, application, ledger, RELOADS[tier])
        assert server.process.poll() is None
        assert server.notice()["generation"] == RELOADS[tier] + 1
        server.kill()
        found = [*load.failures, *violations(home, ledger.entries())]
    count.count(len(found), load.answered)
    assert found == []
    assert load.answered > 100 * RELOADS[tier]
    assert load.closed >= CONNECTIONS, "the old processes ended, and so each connection must have been made anew"


@pytest.mark.timeout(3600)
def test_a_stop_under_load_answers_what_was_asked_and_goes_on_accepting_until_the_delay_is_over(
    home: Path, tmp_path: Path, application: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    ledger, count, delay_s = Ledger(tmp_path / "ledger"), tally("P12"), 1.5
    for stop in range(STOPS[tier]):
        told = {"drain_delay_s": delay_s, "drain_timeout_s": 20}
        server = start(home, workers=1 + stop % 2, application=application, told=told)
        load = load_on(server, ledger, stop)
        seen: list[Any] = []
        stopper = threading.Thread(target=_stop_and_look, args=(server, seen))
        stopper.start()
        asyncio.run(load.run(CONNECTIONS, seconds=PATIENCE_S))
        stopper.join()
        assert server.wait() == 0
        stopped_at, statuses, closed = seen
        assert statuses == {503} and closed, "unready at once, and each answer ends its connection"
        early = [at for at in load.refused_at if at < stopped_at + delay_s]
        found = [said for said in load.failures if not said.startswith("refused")] + ["refused early"] * len(early)
        count.count(len(found), load.answered)
        assert found == []
        assert len(load.refused_at) == CONNECTIONS, "each client asked until there was nobody left"
        assert load.closed >= CONNECTIONS
    found = violations(home, ledger.entries())
    count.failures += len(found)
    assert found == []


def _stop_and_look(server: Server, seen: list[Any]) -> None:
    time.sleep(0.7)
    os.kill(server.pid, signal.SIGTERM)
    at, statuses, closed = time.monotonic(), set(), True
    time.sleep(0.2)
    while time.monotonic() < at + 1.2:
        answer = server.ask("/readyz")
        statuses.add(answer.status)
        closed = closed and answer.headers.get("connection") == "close"
    seen.extend((at, statuses, closed))


def test_without_the_mechanism_a_reload_and_a_stop_fail_requests(home: Path, tmp_path: Path, application: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    with serving(home, workers=2, application=application, unsafe=("no-drain",)) as server:
        load = reloads_under_load(server, application, ledger, 1)
        assert load.failures, "the load must notice connections that are closed on it"
        load = load_on(server, ledger, 1)
        stopper = threading.Timer(1.0, os.kill, (server.pid, signal.SIGTERM))
        stopper.start()
        asyncio.run(load.run(CONNECTIONS, seconds=PATIENCE_S))
        assert server.wait() == 0
    assert [said for said in load.failures if not said.startswith("refused")], "and requests that are cut off"


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.3, 0.6, 0.9])
def test_a_server_that_is_told_to_stop_while_it_starts_ends_well(home: Path, after_s: float) -> None:
    settings = json.dumps(PLAIN | {"home": str(home), "drain_delay_s": 30, "drain_timeout_s": 30, "workers": 2})
    command = [sys.executable, "-c", SERVE, str(APPLICATION), settings]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(home=home)
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert b"http://" in process.stdout.readline()
        time.sleep(after_s)
        started = children(process.pid)
        process.send_signal(signal.SIGTERM)
        if after_s < 0.6:  # later it may have been ready, and then it keeps to its delay
            assert process.wait(20) == 0
        else:
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) in (0, 1)
        said = process.stderr.read()
    assert b"Traceback" not in said
    until_gone(started, 20)
    with serving(home) as server:
        assert server.predict().status == 200


def test_a_second_signal_ends_it_at_once(home: Path, application: Path) -> None:
    server = start(home, application=application, told={"drain_delay_s": 30})
    asker = threading.Thread(target=_ask_in_vain, args=(server,))
    asker.start()
    time.sleep(0.5)
    os.kill(server.pid, signal.SIGTERM)
    time.sleep(0.5)
    assert server.ask("/readyz").status == 503
    began = time.monotonic()
    os.kill(server.pid, signal.SIGTERM)
    assert server.wait() == 1
    assert time.monotonic() - began < 5
    until_gone(server.workers, 5)
    asker.join()
    with serving(home) as again:
        assert again.predict().status == 200


def _ask_in_vain(server: Server) -> None:
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        server.ask("/slow?seconds=30", json.dumps(STONE).encode(), timeout_s=60)


def test_ctrl_c_does_without_the_delay_and_answers_what_was_asked(home: Path, application: Path) -> None:
    server = start(home, application=application, told={"drain_delay_s": 60})
    answers = []
    asker = threading.Thread(
        target=lambda: answers.append(server.ask("/slow?seconds=2", json.dumps(STONE).encode(), timeout_s=60))
    )
    asker.start()
    time.sleep(0.7)
    os.kill(server.pid, signal.SIGINT)
    assert server.wait() == 0
    asker.join()
    assert [(answer.status, answer.headers["connection"]) for answer in answers] == [(200, "close")]


def test_an_idle_connection_is_answered_once_more_and_told_that_it_ends(home: Path) -> None:
    server = start(home, told={"drain_delay_s": 0, "drain_timeout_s": 30})
    idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    idle.request("GET", "/livez")
    idle.getresponse().read()
    silent = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    time.sleep(0.3)
    os.kill(server.pid, signal.SIGTERM)
    time.sleep(1.0)
    assert server.process.poll() is None, "somebody may still ask"
    with pytest.raises(ConnectionRefusedError):
        server.ask("/livez")
    told = {"Content-Type": "application/json"}
    idle.request("POST", "/v1/models/stones/predict", json.dumps(STONE), told)
    answer = idle.getresponse()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    answer.read()
    silent.close()
    assert server.wait() == 0


@STORELESS
def test_ctrl_c_waits_for_nobody_who_has_asked_nothing(home: Path) -> None:
    server = start(home, told={"drain_timeout_s": 60})
    used = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    used.request("GET", "/livez")
    used.getresponse().read()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20):
        time.sleep(0.3)
        os.kill(server.pid, signal.SIGINT)
        assert server.wait(20) == 0
    used.close()


@STORELESS
def test_an_idle_connection_does_not_keep_a_server_longer_than_the_time_it_has(home: Path) -> None:
    server = start(home, told={"drain_timeout_s": 1})
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as idle:
        time.sleep(0.3)
        began = time.monotonic()
        os.kill(server.pid, signal.SIGTERM)
        assert idle.recv(1) == b""
        assert server.wait() == 0
        assert 0.9 < time.monotonic() - began < 10


@STORELESS
@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("assay.toml", "workrs = 2", "workers"),
        ("assay.toml", "max_rows = 0", "max_rows"),
        ("assay.toml", "workers = ", "assay.toml cannot be read"),
        ("api.py", "import nothing_of_the_kind", "nothing_of_the_kind"),
        ("model.py", "1 +", "model.py"),
    ],
)
def test_what_is_wrong_on_the_disk_is_said_and_the_old_processes_go_on(
    home: Path, application: Path, file: str, text: str, said: str
) -> None:
    with serving(home, application=application) as server:
        before = server.workers
        kept = (application / file).read_text() if (application / file).exists() else ""
        (application / file).write_text(text)
        assert said in reloaded(server)
        assert server.notice()["workers"] == before
        assert server.alive()
        assert server.predict().status == 200
        (application / file).write_text(kept)
        assert reloaded(server) == ""
        assert server.predict().status == 200
        assert server.notice()["generation"] == 2


def test_a_version_that_new_processes_cannot_load_keeps_the_old_ones(home: Path) -> None:
    with serving(home) as server:
        for graph in [path for path in (home / "artifacts").rglob("*") if path.is_file()]:
            graph.write_bytes(b"damaged")
        assert "stones" in reloaded(server)
        assert server.predict().status == 200
        assert server.alive()


@STORELESS
def test_the_port_cannot_change_by_a_reload(home: Path, application: Path) -> None:
    (application / "assay.toml").write_text('host = "127.0.0.1"')
    with serving(home, application=application) as server:
        (application / "assay.toml").write_text('host = "127.0.0.2"')
        assert "the port" in reloaded(server)
        assert server.predict().status == 200


@STORELESS
def test_settings_are_read_anew_and_so_there_may_be_more_processes(home: Path, application: Path) -> None:
    settings = {**PLAIN, "home": str(home)}
    command = [sys.executable, "-c", SERVE, str(application), json.dumps(settings)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(home=home)
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().decode().split("http://127.0.0.1:")[1].split(" ")[0])
        server = Server(process, port, home, process.pid, home)
        try:
            (application / "assay.toml").write_text("workers = 2")
            assert reloaded(server) == ""
            assert len(server.workers) == 2
        finally:
            server.kill()
