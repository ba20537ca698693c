"""P7: a worker that was paused beyond its lease can change nothing when it wakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.domain.job import Job
from assay.store.database import Database
from assay.store.work.jobs import Jobs
from tests import chores
from tests.promises.conftest import Tally

TRIALS = {"pr": 1, "nightly": 200}
LEASE_S = 1.0
WORKS_S = 0.6
SOON_S = 60.0


@pytest.fixture
def home(fresh_home: Path) -> Path:
    return fresh_home


@pytest.fixture
def database(home: Path) -> Iterator[Database]:
    made = chores.store(home)
    yield made
    made.close()


@pytest.mark.timeout(3600)
@pytest.mark.xdist_group("server")
def test_a_paused_worker_finds_its_job_gone(
    home: Path, database: Database, tier: str, tally: Callable[[str], Tally]
) -> None:
    count = tally("P7")
    for _ in range(TRIALS[tier]):
        made, zombie, successor = overtaken(home, database)
        found = Jobs(database).find(made.id)
        told = [token for job, token in chores.answers(database) if job == made.id]
        overwritten = found.result != {"by": successor} or told != [successor]
        count.count(overwritten)
        assert not overwritten, (found, told, zombie, successor)
        assert (found.state, found.attempts) == ("succeeded", 2)
        lost = [line for line in said(home) if line["event"] == "lease_lost" and line.get("job") == made.id]
        assert zombie in [line.get("token") for line in lost], "the child did not say that it lost the job"
        assert any("token" not in line for line in lost), "the worker did not say so"


@pytest.mark.timeout(120)
@pytest.mark.xdist_group("server")
def test_without_the_fence_the_paused_worker_overwrites_the_result(home: Path, database: Database) -> None:
    made, zombie, successor = overtaken(home, database, unsafe=["no-fence"])
    assert [token for _, token in chores.answers(database)] == [successor, zombie]
    assert Jobs(database).find(made.id).result == {"by": zombie}


def overtaken(home: Path, database: Database, unsafe: Sequence[str] = ()) -> tuple[Job, str, str]:
    """A job whose first worker and its child stood still from the claim until a second had done it; and both tokens."""
    jobs = Jobs(database)
    started = [chores.start("worker", home, str(LEASE_S), *unsafe)]
    try:
        made = jobs.add(chores.chore("sleep", seconds=WORKS_S))
        until(lambda: jobs.find(made.id).state == "running" and working(started[0]))
        zombie = jobs.find(made.id).token
        asleep = [started[0].pid, *chores.children(started[0].pid)]
        for pid in asleep:
            os.kill(pid, signal.SIGSTOP)
        started.append(chores.start("worker", home, str(LEASE_S), *unsafe))
        until(lambda: jobs.find(made.id).ended)
        successor = jobs.find(made.id).token
        chores.end(started[1:])
        assert None not in (zombie, successor)
        assert zombie != successor
        os.kill(asleep[1], signal.SIGCONT)  # the child first, so that it is its own finish that fails
        until(lambda: chores.gone(asleep[1]))
        os.kill(asleep[0], signal.SIGCONT)
        until(lambda: any(line["event"] in ("lease_lost", "job_ended") for line in said(home) if "token" not in line))
        started[0].terminate()
        assert started[0].wait(SOON_S) == 0
    finally:
        chores.end(started)
    return made, str(zombie), str(successor)


def working(worker: subprocess.Popen[bytes]) -> bool:
    """Whether its child has come as far as the work itself: it has a thread that watches the pipe."""
    return any(len(list(Path(f"/proc/{pid}/task").iterdir())) > 1 for pid in chores.children(worker.pid))


def said(home: Path) -> list[dict[str, Any]]:
    """The lines that workers and their children have logged, the last one possibly being written."""
    lines = (home.parent / "worker.log").read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def until(holds: Callable[[], bool]) -> None:
    """Waits until it holds."""
    waited = time.monotonic() + SOON_S
    while not holds():
        assert time.monotonic() < waited
        time.sleep(0.01)
