"""P1: whatever a client was answered is recorded, whenever and wherever the server is killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests import homes
from tests.promises.checker import lost, opened, rows, violations
from tests.promises.conftest import Tally
from tests.promises.faults import injected
from tests.promises.ledger import Ledger, Load, mixed, single
from tests.promises.servers import Server, running, serving, start, until_ready, until_whole

KILLS = {"pr": 4, "nightly": 300}
WHENS = {"pr": (1, 2, 9), "nightly": (*range(1, 41), 60, 90, 150)}
# what a web process does for a record: with SQLite it writes and syncs a file, with PostgreSQL it sends and hears; then it answers
CALLS = (
    ("sqlite", "fsync"), ("sqlite", "pwrite64"), ("sqlite", "write"),
    ("postgresql", "sendto"), ("postgresql", "recvfrom"), ("postgresql", "write"),
)  # fmt: skip
# the calls of a process that looks once or twice what has changed, before anybody asks it something
LOOKS = {"sendto": 6, "recvfrom": 6}
CONNECTIONS = 16
PATIENCE_S = 20.0
RESTART_S = 20.0  # generous: the promise is 5 s on a machine that does nothing else


def load_until_dead(server: Server, ledger: Ledger, *, kill_after_s: float | None = None, seed: int = 0) -> Load:
    """Asks until the server's process is gone; kills it where nothing else will."""
    load = Load(server.port, ledger, mixed, server=server.pid, seed=seed)
    killer = threading.Timer(kill_after_s, server.kill) if kill_after_s is not None else None
    if killer is not None:
        killer.start()
    watching = threading.Thread(target=_stop_when_gone, args=(load, server.workers))
    watching.start()  # who is killed before the first question is replaced, and the others would answer on and on
    asyncio.run(load.run(CONNECTIONS, seconds=PATIENCE_S))
    watching.join()
    if killer is not None:
        killer.join()
    return load


def _stop_when_gone(load: Load, pids: list[int]) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and all(running(pid) for pid in pids):
        time.sleep(0.02)
    load.stop()


@pytest.mark.timeout(7200)
def test_nothing_that_was_answered_is_lost_when_the_server_is_killed_at_any_time(
    home: Path, tmp_path: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    ledger, draw = Ledger(tmp_path / "ledger"), random.Random(11)
    answers, restarts = tally("P1"), tally("P13")
    for kill in range(KILLS[tier]):
        begun = time.monotonic()
        server = start(home)  # on what the last kill has left, without any manual step
        restarts.count(time.monotonic() - begun > RESTART_S)
        load = load_until_dead(server, ledger, kill_after_s=draw.uniform(0.05, 1.0), seed=kill)
        answers.count(0, load.answered)
    found = violations(home, ledger.entries())
    answers.failures += len(found)
    assert found == []
    assert restarts.failures == 0
    assert answers.trials > 50 * KILLS[tier]


@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("database_kind", "call"), CALLS, indirect=["database_kind"])
def test_nothing_that_was_answered_is_lost_when_the_server_is_killed_at_a_system_call(
    call: str, home: Path, tmp_path: Path, tier: str, strace: str, tally: Callable[[str], Tally]
) -> None:
    ledger, count = Ledger(tmp_path / "ledger"), tally("P1")
    for when in (LOOKS.get(call, 0) + one for one in WHENS[tier]):
        server = start(home)
        victim = server.worker
        with injected(strace, victim, call, f"signal=SIGKILL:when={when}"):
            load = load_until_dead(server, ledger, seed=when)
        assert not running(victim), f"never came to the {when}th {call}"
        server.kill()
        count.count(0, max(load.answered, 1))
    found = violations(home, ledger.entries())
    count.failures += len(found)
    assert found == []


@pytest.mark.timeout(600)
def test_nothing_is_lost_when_a_web_process_is_killed_and_the_server_replaces_it(
    home: Path, tmp_path: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    ledger, count = Ledger(tmp_path / "ledger"), tally("P1")
    server = start(home, workers=2)
    try:
        for kill in range(2 if tier == "pr" else 30):
            victim = server.workers[kill % 2]
            killer = threading.Timer(0.4, _kill, [victim])
            killer.start()
            load = Load(server.port, ledger, mixed, seed=kill)
            asyncio.run(load.run(CONNECTIONS, seconds=0.8))
            killer.join()
            count.count(0, load.answered)
            until_whole(server, 2, gone=victim, timeout_s=RESTART_S)
            until_ready(server)
        assert server.alive()
    finally:
        server.kill()
    found = violations(home, ledger.entries())
    count.failures += len(found)
    assert found == []


@pytest.mark.timeout(120)
def test_an_answer_that_leaves_before_its_commit_is_lost_in_a_kill(home: Path, tmp_path: Path, strace: str) -> None:
    ledger = Ledger(tmp_path / "ledger")
    server = start(home, unsafe=("answer-before-commit",))
    with slow_commits(home, strace, server.worker):
        killer = threading.Timer(0.7, server.kill)
        killer.start()
        asyncio.run(Load(server.port, ledger, single).run(CONNECTIONS, seconds=20))
        killer.join()
    with opened(home) as database:
        assert lost(database, ledger.entries()), "the checker must notice what was lost"


def slow_commits(home: Path, strace: str, pid: int) -> AbstractContextManager[object]:
    """Whatever the process commits takes its time."""
    if homes.url_of(home) is not None:
        return homes.locked(home, "exchanges", "predictions")
    return injected(strace, pid, "fsync", "delay_enter=200000")


@pytest.mark.timeout(120)
def test_a_client_that_goes_away_without_reading_its_answer_is_recorded(home: Path) -> None:
    body = b'{"carat":1.25,"depth":61.0,"cut":"Ideal","color":"E"}'
    head = b"POST /v1/models/stones/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    request = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with serving(home) as server:
        for _ in range(5):
            server.raw(request, wait_s=0)
        until = time.monotonic() + 5
        while len(rows(home, "SELECT id FROM exchanges WHERE request = ? AND status = 200", body)) < 5:
            assert time.monotonic() < until, "not every request that was sent is recorded"
            time.sleep(0.05)
        assert server.predict().status == 200


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
