"""P6: an accepted job comes to exactly one end with exactly one result, whatever dies, and one that kills never loops."""

from __future__ import annotations

import fcntl
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from assay.domain.job import Job
from assay.errors import JobEnded
from assay.store.database import Database
from assay.store.work.jobs import Jobs
from tests import chores, homes
from tests.promises.conftest import Tally

JOBS = {"pr": 40, "nightly": 2_000}
WORKERS = 4
LEASE_S = 2.0
HELD_S = 3.0
KINDS = {"sleep": 88, "raise": 6, "segv": 2, "exit": 2, "hang": 2}
ATTEMPTS = 3


class Chaos(threading.Thread):
    """Kills a worker every second or two and starts another, and once in a while holds the store's lock."""

    def __init__(self, home: Path, workers: list[subprocess.Popen[bytes]], seed: int) -> None:
        super().__init__()
        self.kills = 0
        self._home = home
        self._workers = workers
        self._draw = random.Random(seed)
        self._over = threading.Event()

    def run(self) -> None:
        """Until it is told that the jobs have ended."""
        held = time.monotonic()
        while not self._over.wait(self._draw.uniform(1, 2.5)):
            place = self._draw.randrange(len(self._workers))
            chores.end([self._workers[place]])
            self._workers[place] = chores.start("worker", self._home, str(LEASE_S))
            self.kills += 1
            if time.monotonic() - held > 15 or self.kills == 3:
                hold(self._home)
                held = time.monotonic()

    def stop(self) -> None:
        """No more."""
        self._over.set()
        self.join()


@pytest.fixture
def home(fresh_home: Path) -> Path:
    return fresh_home


@pytest.fixture
def database(home: Path) -> Iterator[Database]:
    made = chores.store(home)
    yield made
    made.close()


@contextmanager
def workers(home: Path, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Real workers, each a process that starts processes."""
    started = [chores.start("worker", home, str(LEASE_S)) for _ in range(count)]
    try:
        yield started
    finally:
        chores.end(started)


@pytest.mark.timeout(7200)
@pytest.mark.xdist_group("server")
def test_every_job_ends_once_while_workers_are_killed_and_the_store_is_held(
    home: Path, database: Database, tier: str, tally: Callable[[str], Tally]
) -> None:
    count, jobs, draw = tally("P6"), Jobs(database), random.Random(6)
    kinds = draw.choices(list(KINDS), list(KINDS.values()), k=JOBS[tier] - len(KINDS)) + list(KINDS)
    made = [jobs.add(chores.chore(kind, seconds=draw.uniform(0, 0.4), max_attempts=ATTEMPTS)) for kind in kinds]
    with workers(home, WORKERS) as started:
        chaos = Chaos(home, started, seed=6)
        chaos.start()
        try:
            until_ended(jobs, made)
        finally:
            chaos.stop()
    found = [jobs.find(job.id) for job in made]
    wrong = violations(found, chores.answers(database))
    count.count(len(wrong), len(made))
    assert wrong == []
    assert chaos.kills >= 3
    assert {"succeeded", "failed", "canceled"} >= {job.state for job in found}
    assert any(job.attempts == 2 and job.state == "succeeded" for job in found) or tier == "pr", "no job was done again"


@pytest.mark.parametrize("kind", ["segv", "exit"])
def test_a_job_that_kills_its_process_is_tried_three_times(home: Path, database: Database, kind: str) -> None:
    jobs = Jobs(database)
    made = jobs.add(chores.chore(kind, max_attempts=ATTEMPTS))
    with workers(home, 2):
        until_ended(jobs, [made])
    ended = jobs.find(made.id)
    assert (ended.state, ended.attempts, ended.code) == ("failed", ATTEMPTS, "worker_lost")
    assert chores.answers(database) == []


def test_a_job_whose_workers_are_all_killed_fails_after_three(home: Path, database: Database) -> None:
    jobs = Jobs(database)
    made = jobs.add(chores.chore("hang", max_attempts=ATTEMPTS))
    for attempt in range(ATTEMPTS):
        with workers(home, 1):
            until_attempted(jobs, made, attempt + 1)
    with workers(home, 1):
        until_ended(jobs, [made])
    ended = jobs.find(made.id)
    assert (ended.state, ended.attempts, ended.code) == ("failed", ATTEMPTS, "worker_lost")
    assert ended.error == "its worker was lost 3 times"


def test_the_checker_notices_what_it_is_for(database: Database) -> None:
    jobs = Jobs(database)
    jobs.add(chores.chore())
    job = jobs.claim("me", chores.VERBS, 60)
    assert job is not None
    token = job.token or ""
    assert violations([job], []), "not ended"
    with database.writing() as connection:
        done = jobs.finish(connection, job.id, token, state="succeeded", result={"by": token})
    assert violations([done], [(job.id, token)]) == []
    assert violations([done], []), "no result"
    assert violations([done], [(job.id, token), (job.id, token)]), "two results"
    assert violations([done], [(job.id, "another's")]), "the result of another"


def violations(jobs: list[Job], answers: list[tuple[str, str]]) -> list[str]:
    """What of the promise is broken: no end, more or fewer results than one, a poisonous job tried too often."""
    wrong = [f"{job.id} is {job.state}" for job in jobs if not job.ended]
    counted = Counter(job for job, _ in answers)
    for job in jobs:
        told = f"{job.id} ({job.arguments['do']}), {job.state} after {job.attempts}"
        expected = 1 if job.state == "succeeded" or job.code == "chore_failed" else 0
        if counted[job.id] != expected:
            wrong.append(f"{told}: {counted[job.id]} results instead of {expected}")
        if job.state == "succeeded" and (job.id, job.result["by"]) not in answers:
            wrong.append(f"{told}: the result is not that of the worker that ended it")
        if job.attempts > job.max_attempts:
            wrong.append(f"{told}: tried too often")
        if job.code == "worker_lost" and job.attempts != job.max_attempts:
            wrong.append(f"{told}: given up too early")
        if job.arguments["do"] in ("segv", "exit") and job.code != "worker_lost":
            wrong.append(f"{told}: {job.code}")
    return wrong


def until_ended(jobs: Jobs, made: list[Job]) -> None:
    """Waits for the end of all; those that hang are canceled when nothing else is left, as an operator would."""
    hanging = {job.id for job in made if job.arguments["do"] == "hang"}
    waited = time.monotonic() + 60 + 3 * len(made)
    while open_jobs := [job for job in map(jobs.find, (one.id for one in made)) if not job.ended]:
        assert time.monotonic() < waited, [(job.id, job.state, job.attempts) for job in open_jobs]
        cancel = len(made) > 1 and {job.id for job in open_jobs} <= hanging
        for job in open_jobs if cancel else []:
            with suppress(JobEnded):
                jobs.cancel(job.id, "test")
        time.sleep(0.2)


def until_attempted(jobs: Jobs, made: Job, attempts: int) -> None:
    """Waits until the job was begun so often."""
    waited = time.monotonic() + 60
    while jobs.find(made.id).attempts < attempts:
        assert time.monotonic() < waited
        time.sleep(0.02)


def hold(home: Path) -> None:
    """Nobody can write for three seconds."""
    if homes.url_of(home) is not None:
        with homes.locked(home, "jobs", "answers"):
            time.sleep(HELD_S)
        return
    with (home / "assay.db.lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        time.sleep(HELD_S)
