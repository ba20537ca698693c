"""P8, the two phases: if one process cannot load a version none switches, and one that dies or stalls stops nobody."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.errors import VersionNotReady
from tests.promises.checker import violations
from tests.promises.conftest import Tally
from tests.promises.ledger import Ledger, Load, mixed
from tests.promises.servers import Server, assay_of, serving
from tests.promises.test_p08_promotion import mixed_answers

ROUNDS = {"pr": 2, "nightly": 50}
CONNECTIONS = 8
PATIENCE_S = 20.0


def opened(home: Path, **told: Any) -> Assay:
    return assay_of(home, **told)


@contextmanager
def no_more_files(pid: int) -> Iterator[None]:
    """A process that can open nothing more for a while, as when a leak has used up its descriptors."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


def all_answer(server: Server, number: int) -> None:
    """Waits until whoever is asked answers by this version; connections land on any process."""
    until = time.monotonic() + PATIENCE_S
    while {server.predict().json["version"] for _ in range(30)} != {number}:
        assert time.monotonic() < until, "not everybody has switched"
    assert {server.predict().json["version"] for _ in range(60)} == {number}


def one_cannot_load(home: Path, unsafe: tuple[str, ...] = ()) -> tuple[bool, int]:
    """Whether a promotion was refused where one of two processes could not load the version, and who rules then."""
    with serving(home, workers=2) as server:
        assay = opened(home, unsafe=unsafe)
        try:
            with no_more_files(server.workers[0]):
                try:
                    assay.promote("stones", 2, by="test")
                    refused = False
                except VersionNotReady as told:
                    assert str(server.workers[0]) in str(told)
                    refused = True
                time.sleep(1)
            return refused, assay.ruling("stones").version
        finally:
            assay.close()


@pytest.mark.timeout(120)
def test_if_one_process_cannot_load_the_version_none_switches(home: Path, tally: Callable[[str], Tally]) -> None:
    refused, ruling = one_cannot_load(home)
    tally("P8").count(0 if refused and ruling == 1 else 1)
    assert refused
    assert ruling == 1


@pytest.mark.timeout(120)
def test_without_the_first_phase_the_others_switch_all_the_same(home: Path) -> None:
    refused, ruling = one_cannot_load(home, unsafe=("no-prepare",))
    assert not refused
    assert ruling == 2, "the version answers although a process could not load it"


@pytest.mark.timeout(600)
def test_a_process_that_is_killed_while_a_version_is_prepared_stops_nobody(
    home: Path, tmp_path: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    count = tally("P8")
    ledger = Ledger(tmp_path / "ledger")
    with serving(home, workers=2) as server:
        assay = opened(home)
        for round_ in range(ROUNDS[tier]):
            target = 2 - round_ % 2
            load = Load(server.port, ledger, mixed, seed=round_)
            asking = threading.Thread(target=lambda load=load: asyncio.run(load.run(CONNECTIONS)))
            asking.start()
            killer = threading.Thread(target=kill_when_preparing, args=(assay, server.workers[0]))
            killer.start()
            assert assay.promote("stones", target, by="test").version == target
            killer.join()
            load.stop()
            asking.join()
            all_answer(server, target)
            server.find_workers()
        assay.close()
    entries = ledger.entries()
    found = [*violations(home, entries), *mixed_answers(home, entries)]
    count.count(len(found), ROUNDS[tier])
    assert found == []
    assert {entry.status for entry in entries} == {200, 422}


def kill_when_preparing(assay: Assay, pid: int) -> None:
    """Kills the process the moment that a preparation is open."""
    until = time.monotonic() + PATIENCE_S
    while not assay.preparations.open() and time.monotonic() < until:
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.timeout(120)
def test_a_process_that_is_stopped_is_not_waited_for_for_ever_and_follows_when_it_wakes(home: Path) -> None:
    with serving(home, workers=2) as server:
        assay = opened(home)
        with assay.database.turn():  # one that is stopped in its turn to write to SQLite keeps it from all others
            os.kill(server.workers[0], signal.SIGSTOP)
        try:
            assert assay.promote("stones", 2, by="test").version == 2
        finally:
            os.kill(server.workers[0], signal.SIGCONT)
        all_answer(server, 2)
        assay.close()
