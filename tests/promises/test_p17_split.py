"""P17: a split is honest and sticky: a subject has one arm, everywhere and after any restart, and few move when shares do."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.domain.releases.rollout import Arm
from assay.releasing.experiment import Plan
from tests.promises.checker import rows
from tests.promises.conftest import SQLITE, Tally
from tests.promises.ledger import Asked, request_bytes
from tests.promises.servers import STONE, Server, assay_of, serving

SUBJECTS = {"pr": 20_000, "nightly": 100_000}
CONNECTIONS = 48
PROCESSES = 3
SETTLED_S = 2.5  # within two seconds every process has looked who answers, or looks before it answers
PATH, BODY, NAME = "/v1/models/stones/predict", json.dumps(STONE).encode(), "checkout"
pytestmark = pytest.mark.xdist_group("server")


@dataclass(frozen=True)
class Given:
    """Who answered a subject, as the response's head says it."""

    status: int
    version: int
    variant: str


def draw(subject: str, name: str = NAME) -> float:
    """Where a subject lies between 0 and 1, by no code of ours."""
    return int.from_bytes(sha256(f"{name}\0{subject}".encode()).digest()[:8]) / 2**64


def asked(server: Server, subjects: Sequence[str], connections: int = CONNECTIONS) -> dict[str, Given]:
    """Who answers each of them, asked over connections that land on any process."""
    found: dict[str, Given] = {}
    left = iter(subjects)

    async def converse() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            for subject in left:
                writer.write(request_bytes(Asked(PATH, BODY, {"X-Assay-Subject": subject})))
                found[subject] = await _given(reader)
        finally:
            writer.close()

    async def all_of_them() -> None:
        await asyncio.gather(*(converse() for _ in range(connections)))

    asyncio.run(all_of_them())
    return found


async def _given(reader: asyncio.StreamReader) -> Given:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)).decode("latin-1")
    named = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}
    await reader.readexactly(int(named["content-length"]))
    status = int(head.split(" ")[1])
    return Given(status, int(named.get("x-model-version", 0)), named.get("x-model-variant", ""))


def sockets(pid: int) -> int:
    """How many sockets a process has open."""
    return sum(str(one.readlink()).startswith("socket:") for one in Path(f"/proc/{pid}/fd").iterdir())


def split(assay: Assay, *shares: float, name: str = NAME) -> None:
    """The versions 1 and 2 answer from now on, and every process knows it."""
    arms = tuple(Arm(version=number, share=share) for number, share in enumerate(shares, 1))
    if assay.ruling("stones").experiment is None:
        assay.experimenter.start("stones", Plan(arms=arms, name=name), by="test")
    else:
        assay.experimenter.change("stones", arms, by="test")
    time.sleep(SETTLED_S)


def flips(before: dict[str, Given], after: dict[str, Given]) -> list[str]:
    """The subjects that were answered by another version than before."""
    return [one for one, given in after.items() if given.version != before[one].version]


def recorded(home: Path) -> Counter[tuple[int, str | None]]:
    """How often the record names each arm and experiment."""
    query = "SELECT version, experiment, count(*) AS times FROM predictions GROUP BY version, experiment"
    return Counter({(row["version"], row["experiment"]): row["times"] for row in rows(home, query)})


@pytest.mark.timeout(1800)
def test_subjects_keep_their_arm_on_every_process_and_after_a_restart(
    home: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    count = tally("P17")
    subjects = [f"subject {number}" for number in range(SUBJECTS[tier])]
    shuffled = random.Random(17).sample(subjects, len(subjects))
    assay = assay_of(home)
    with serving(home, workers=PROCESSES) as server:
        split(assay, 0.5, 0.5)
        first = asked(server, subjects)
        assert {one.status for one in first.values()} == {200}
        assert {one.variant for one in first.values()} == {f"{NAME}/1", f"{NAME}/2"}
        again = asked(server, shuffled)
        reach = 4 * sqrt(0.25 / len(subjects))
        share = sum(one.version == 1 for one in first.values()) / len(subjects)
        assert abs(share - 0.5) < reach, share
        kept = recorded(home)
    with serving(home, workers=PROCESSES) as server:
        after = asked(server, shuffled[: len(shuffled) // 2])
        split(assay, 0.6, 0.4)
        changed = asked(server, subjects)
    assay.close()
    found = [*flips(first, again), *flips(first, after)]
    count.count(len(found), len(again) + len(after))
    assert found == [], "subjects changed their arm while the shares stood"
    assert all(one.version == (1 if draw(subject) < 0.5 else 2) for subject, one in first.items())
    moved = flips(first, changed)
    assert set(moved) == {one for one in subjects if 0.5 <= draw(one) < 0.6}
    assert abs(len(moved) / len(subjects) - 0.1) < 4 * sqrt(0.09 / len(subjects))
    assert kept == Counter((one.version, NAME) for one in (*first.values(), *again.values()))


@pytest.mark.timeout(300)
def test_every_process_answers(home: Path) -> None:
    """What the other test says of processes would mean nothing if one of them answered all."""
    assay = assay_of(home)
    with serving(home, workers=PROCESSES) as server:
        split(assay, 0.5, 0.5)
        idle = {pid: sockets(pid) for pid in server.workers}
        busy = dict.fromkeys(server.workers, 0)

        def watch() -> None:
            for pid in server.workers:
                busy[pid] = max(busy[pid], sockets(pid))

        async def held() -> None:
            opened = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(CONNECTIONS)]
            for reader, writer in opened:
                writer.write(request_bytes(Asked(PATH, BODY, {"X-Assay-Subject": "somebody"})))
                assert (await _given(reader)).status == 200
            watch()
            for _, writer in opened:
                writer.close()

        asyncio.run(held())
        assert all(busy[pid] > idle[pid] for pid in server.workers), (idle, busy)
    assay.close()


@SQLITE  # of stickiness a database knows nothing
@pytest.mark.timeout(300)
def test_without_stickiness_subjects_change_their_arm(home: Path) -> None:
    subjects = [str(number) for number in range(500)]
    assay = assay_of(home)
    with serving(home, unsafe=("no-sticky",)) as server:
        split(assay, 0.5, 0.5)
        assert flips(asked(server, subjects), asked(server, subjects))
    assay.close()


@pytest.mark.timeout(300)
def test_a_process_that_slept_through_a_change_of_shares_answers_nobody_by_the_old_ones(
    home: Path, tally: Callable[[str], Tally]
) -> None:
    subjects = [f"sleeper {number}" for number in range(300)]
    assay = assay_of(home)
    with serving(home, workers=2) as server:
        split(assay, 0.2, 0.8)
        os.kill(server.workers[0], signal.SIGSTOP)
        try:
            split(assay, 0.8, 0.2)
        finally:
            os.kill(server.workers[0], signal.SIGCONT)
        answered = asked(server, subjects)
    assay.close()
    right = {one: 1 if draw(one) < 0.8 else 2 for one in subjects}
    wrong = [one for one, given in answered.items() if given.status == 200 and given.version != right[one]]
    tally("P17").count(len(wrong), len(subjects))
    assert wrong == []
    assert {given.status for given in answered.values()} <= {200, 503}
    assert sum(given.status == 200 for given in answered.values()) > len(subjects) / 2


@pytest.mark.timeout(300)
def test_questions_without_a_subject_are_their_own(home: Path) -> None:
    assay = assay_of(home)
    with serving(home, workers=PROCESSES) as server:
        split(assay, 0.5, 0.5)
        for number in range(60):
            question: dict[str, Any] = STONE | {"carat": 1 + number / 100}
            right = 1 if draw(json.dumps(question)) < 0.5 else 2
            assert {server.predict(question).json["version"] for _ in range(3)} == {right}
    assay.close()
