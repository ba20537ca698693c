"""Every job that a worker takes comes to its end or back to the queue, whatever its process does."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from assay.domain.job import Job
from assay.jobs.worker import Command, Worker
from assay.store.database import Database
from assay.store.work.jobs import Jobs
from assay.store.work.jobs import jobs as table
from tests import chores

LONG_S = 30.0
Away = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


@contextmanager
def working(jobs: Jobs, home: Path, command: Command | None = None, **told: Any) -> Iterator[Worker]:
    """A worker in a thread of this process."""
    worker = Worker(jobs, command or (lambda job, pipe: chores.command(home, job, pipe)), chores.VERBS, **told)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(LONG_S)
        assert not thread.is_alive()


def eventually(holds: Callable[[], Any]) -> None:
    until = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def ended(jobs: Jobs, job: Job) -> Job:
    eventually(lambda: jobs.find(job.id).ended)
    return jobs.find(job.id)


def test_jobs_are_done_one_after_the_other(jobs: Jobs, home: Path, database: Database) -> None:
    made = [jobs.add(chores.chore("say", said=f"number {number}")) for number in range(3)]
    with working(jobs, home):
        done = [ended(jobs, job) for job in made]
    assert {job.state for job in done} == {"succeeded"}
    assert [job.log for job in done] == ["number 0\n", "number 1\n", "number 2\n"]
    assert chores.answers(database) == [(job.id, job.result["by"]) for job in done]
    assert sorted(job.started_at or 0 for job in done) == [job.started_at for job in done]


def test_a_job_that_fails_by_itself_is_not_tried_again(jobs: Jobs, home: Path) -> None:
    made = jobs.add(chores.chore("raise"))
    with working(jobs, home):
        done = ended(jobs, made)
    assert (done.state, done.attempts, done.code) == ("failed", 1, "chore_failed")


@pytest.mark.parametrize(("what", "how"), [("segv", "ended by signal 11"), ("exit", "ended with status 3")])
def test_a_job_that_kills_its_process_fails_after_its_attempts(jobs: Jobs, home: Path, what: str, how: str) -> None:
    made = jobs.add(chores.chore(what, max_attempts=2))
    with working(jobs, home):
        done = ended(jobs, made)
    assert (done.state, done.attempts, done.code) == ("failed", 2, "worker_lost")
    assert done.error == f"its worker was lost 2 times, the last one {how}"
    assert ("! about to go" in done.log) == (what == "exit")


def test_a_job_that_is_canceled_is_ended_soon(jobs: Jobs, home: Path) -> None:
    made = jobs.add(chores.chore("hang"))
    with working(jobs, home):
        eventually(lambda: jobs.find(made.id).state == "running")
        jobs.cancel(made.id, "me")
        since = time.monotonic()
        assert ended(jobs, made).state == "canceled"
        assert time.monotonic() - since < 10


def test_a_worker_that_is_told_to_stop_hands_its_job_back(jobs: Jobs, home: Path) -> None:
    made = jobs.add(chores.chore("hang", max_attempts=1))
    with working(jobs, home):
        eventually(lambda: jobs.find(made.id).state == "running")
    back = jobs.find(made.id)
    assert (back.state, back.attempts) == ("queued", 0)
    assert "told to stop" in back.log


def test_a_long_job_keeps_its_lease(jobs: Jobs, home: Path) -> None:
    made = jobs.add(chores.chore("sleep", seconds=3))
    with working(jobs, home, lease_s=1.5), working(jobs, home, lease_s=1.5):
        assert ended(jobs, made).attempts == 1


def test_a_program_that_cannot_be_started_is_an_attempt(jobs: Jobs, home: Path) -> None:
    nowhere: Sequence[str] = ["/nowhere/at/all"]
    made = jobs.add(chores.chore(max_attempts=2))
    with working(jobs, home, lambda _job, _pipe: nowhere):
        done = ended(jobs, made)
    assert done.error == "its worker was lost 2 times, the last one could not be started: No such file or directory"


def test_a_job_that_was_taken_by_another_is_let_go(jobs: Jobs, home: Path, database: Database) -> None:
    made = jobs.add(chores.chore("hang"))
    with working(jobs, home), capture_logs() as said:
        eventually(lambda: jobs.find(made.id).state == "running")
        with database.writing() as connection:
            connection.execute(update(table).values(token="another's"))
        eventually(lambda: any(line["event"] == "lease_lost" for line in said))
        assert jobs.find(made.id).token == "another's"
        assert ended(jobs, jobs.add(chores.chore())).state == "succeeded", "it does no other job"


def test_duties_are_called_again_and_again_also_while_a_job_is_done(jobs: Jobs, home: Path) -> None:
    looked: list[str] = []
    made = jobs.add(chores.chore("hang"))

    def failing() -> None:
        raise RuntimeError("out of order")

    with working(jobs, home, duties=[failing, lambda: looked.append(jobs.find(made.id).state)], look_interval_s=0.05):
        eventually(lambda: looked.count("running") > 2)
        jobs.cancel(made.id, "me")
        eventually(lambda: looked.count("canceled") > 2)


def test_a_store_that_fails_does_not_end_the_worker(jobs: Jobs, home: Path, away: Away) -> None:
    with working(jobs, home):
        with away():
            time.sleep(0.5)
        assert ended(jobs, jobs.add(chores.chore())).state == "succeeded"


def test_a_store_that_is_away_is_told_in_few_lines(jobs: Jobs, home: Path, away: Away) -> None:
    with capture_logs() as said, working(jobs, home, duties=[jobs.counts, jobs.counts], look_interval_s=0.05):
        with away():
            eventually(lambda: {"no_job_claimed", "duties_not_done"} <= {line["event"] for line in said})
            time.sleep(1)
        eventually(lambda: {"no_job_claimed_no_more", "duties_not_done_no_more"} <= {line["event"] for line in said})
    assert len(said) == 4


def test_the_process_of_a_job_ends_with_its_worker_however_that_ends(jobs: Jobs, home: Path, tmp_path: Path) -> None:
    made = jobs.add(chores.chore("hang"))
    worker = chores.start("worker", home, "1")
    try:
        eventually(lambda: jobs.find(made.id).state == "running" and chores.children(worker.pid))
        child = chores.children(worker.pid)[0]
        time.sleep(0.5)  # it has come far enough to watch the pipe
        os.kill(worker.pid, signal.SIGKILL)
        eventually(lambda: chores.gone(child))
    finally:
        chores.end([worker])


def test_a_worker_that_is_asked_to_end_ends_well_and_its_job_is_queued(jobs: Jobs, home: Path) -> None:
    made = jobs.add(chores.chore("hang"))
    worker = chores.start("worker", home, "15")
    try:
        eventually(lambda: jobs.find(made.id).state == "running" and chores.children(worker.pid))
        worker.terminate()
        assert worker.wait(LONG_S) == 0
        assert jobs.find(made.id).state == "queued"
    finally:
        chores.end([worker])
