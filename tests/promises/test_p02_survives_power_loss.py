"""P2: what was answered survives the loss of power, and so does what was registered.

What is replayed here are the writes of a process to its own disk, and so to SQLite's file; PostgreSQL's server is stopped
at once in the module beside this.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.promises.checker import halves, integrity, lost, opened
from tests.promises.conftest import SQLITE, TRAIN, Tally
from tests.promises.ledger import Acknowledged, Ledger, Load, mixed
from tests.promises.power import Disk, tracer
from tests.promises.servers import APPLICATION, copy_of, environment, start

pytestmark = SQLITE
CUTS = {"pr": 60, "nightly": 500}
REQUESTS = {"pr": 300, "nightly": 1500}
CONNECTIONS = 4
TORN = 2  # adversarial replays of each cut


@pytest.mark.timeout(280)
def test_every_acknowledged_answer_is_found_after_a_power_loss(
    home: Path, tmp_path: Path, tier: str, strace: str, tally: Callable[[str], Tally]
) -> None:
    log, told = traced_load(home, tmp_path, strace, REQUESTS[tier])
    assert len(told) == REQUESTS[tier]
    count, most = tally("P2"), 0
    for place, answers, cut in power_cuts(home, tmp_path, log, CUTS[tier]):
        known = [told[one] for one in answers if one in told]
        found = verdict(place, known)
        count.count(len(found))
        most = max(most, len(known))
        assert found == [], cut
    assert count.trials > CUTS[tier]
    assert most == len(told), "the last cut comes after the last answer"
    log.unlink()


@pytest.mark.timeout(280)
def test_without_syncs_a_power_loss_loses_answers(home: Path, tmp_path: Path, strace: str) -> None:
    log, told = traced_load(home, tmp_path, strace, 40, unsafe=("no-sync",))
    found = [
        said
        for place, answers, _ in power_cuts(home, tmp_path, log, 8)
        for said in verdict(place, [told[one] for one in answers if one in told])
    ]
    assert any("lost" in said for said in found)


@pytest.mark.timeout(280)
def test_after_a_power_loss_in_training_every_version_has_its_files(
    home: Path, tmp_path: Path, tier: str, strace: str, tally: Callable[[str], Tally]
) -> None:
    beginning = copy_of(home, tmp_path / "beginning")
    log = tmp_path / "trace"
    command = [*tracer(strace, log), sys.executable, "-c", TRAIN, str(APPLICATION), str(home), "notes"]
    subprocess.run(command, env=environment(), check=True, capture_output=True)
    disk, count, draw = Disk(home, beginning), tally("P2"), random.Random(2)
    numbers = set()
    changes = 0
    for kind in disk.replay(log):
        changes += 1
        if tier == "pr" and kind == "write" and changes % 8:
            continue  # in the default tier, not between every two pages of one transaction
        for chance in (None, draw):
            place = tmp_path / "cut"
            shutil.rmtree(place, ignore_errors=True)
            with opened(disk.after_power_loss(place, chance)) as database:
                found = [*integrity(database), *halves(database, place)]
                numbers.add(database.execute("SELECT count(*) AS n FROM versions").fetchone()["n"])
            count.count(len(found))
            assert found == [], (kind, changes)
    assert numbers == {5, 6}, "the new version was either not there or whole"

    forgetful = Disk(home, beginning, deaf=home / "artifacts")
    assert list(forgetful.replay(log))
    with opened(forgetful.after_power_loss(tmp_path / "forgetful")) as database:
        assert any("is missing" in said for said in halves(database, tmp_path / "forgetful")), "the checker must notice"
    log.unlink()


def traced_load(
    home: Path, tmp_path: Path, strace: str, requests: int, *, unsafe: tuple[str, ...] = ()
) -> tuple[Path, dict[str, Acknowledged]]:
    """A trace of a server under load, and what its clients were told, by exchange."""
    copy_of(home, tmp_path / "beginning")
    log, ledger = tmp_path / "trace", Ledger(tmp_path / "ledger")
    server = start(home, unsafe=unsafe, tracer=tracer(strace, log))
    try:
        asyncio.run(Load(server.port, ledger, mixed).run(CONNECTIONS, count=requests))
    finally:
        server.kill()
        ledger.close()
    return log, {one.exchange: one for one in ledger.entries()}


def power_cuts(home: Path, tmp_path: Path, log: Path, cuts: int) -> Iterator[tuple[Path, list[str], str]]:
    """The folder as found after a cut at evenly spread answers, strictly and adversarially, with all answers before."""
    sent = sum(kind == "answer" for kind in Disk(home, tmp_path / "beginning").replay(log))
    chosen = {round(cut * sent / cuts) for cut in range(1, cuts + 1)}
    disk, draw = Disk(home, tmp_path / "beginning"), random.Random(1)
    answered = 0
    for kind in disk.replay(log):
        answered += kind == "answer"
        if kind == "answer" and answered in chosen:
            for chance in (None, *[draw] * TORN):
                place = tmp_path / "cut"
                shutil.rmtree(place, ignore_errors=True)
                yield disk.after_power_loss(place, chance), [*disk.answers], f"cut at answer {answered}"


def verdict(place: Path, told: list[Acknowledged]) -> list[str]:
    """What is wrong with the store that was found."""
    with opened(place) as database:
        return [*integrity(database), *lost(database, told)]
