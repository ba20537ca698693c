"""A lease is renewed in time for as long as it is ours, and whoever keeps it learns what became of the job."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from structlog.testing import capture_logs

from assay.domain.job import Job
from assay.jobs.keeper import Keeper
from assay.store.database import Database
from assay.store.work.jobs import Jobs
from tests import chores

LEASE_S = 0.8
Away = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


def begun(jobs: Jobs) -> tuple[Job, Keeper]:
    jobs.add(chores.chore())
    job = jobs.claim("me", chores.VERBS, LEASE_S)
    assert job is not None
    keeper = Keeper(jobs, job, LEASE_S)
    keeper.start()
    return job, keeper


def eventually(holds: Callable[[], Any]) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.01)


def test_a_lease_that_is_kept_does_not_run_out(jobs: Jobs) -> None:
    _, keeper = begun(jobs)
    time.sleep(3 * LEASE_S)
    assert jobs.claim("you", chores.VERBS, LEASE_S) is None
    keeper.stop()
    assert (keeper.canceled, keeper.lost) == (False, False)
    time.sleep(1.5 * LEASE_S)
    assert jobs.claim("you", chores.VERBS, LEASE_S) is not None, "it was renewed after the end"


def test_a_wish_to_cancel_is_noticed(jobs: Jobs) -> None:
    job, keeper = begun(jobs)
    jobs.cancel(job.id, "me")
    eventually(lambda: keeper.canceled)
    keeper.stop()
    assert not keeper.lost


def test_a_job_that_was_taken_is_noticed(jobs: Jobs, database: Database) -> None:
    job, keeper = begun(jobs)
    with database.writing() as connection:
        jobs.finish(connection, job.id, job.token or "", state="succeeded")
    eventually(lambda: keeper.lost)
    keeper.stop()


def test_a_store_that_cannot_be_read_for_a_while_costs_nothing(jobs: Jobs, away: Away) -> None:
    _, keeper = begun(jobs)
    with capture_logs() as said:
        with away():
            time.sleep(LEASE_S)
        time.sleep(LEASE_S)
        assert keeper.is_alive()
        keeper.stop()
    assert [line["event"] for line in said] == ["lease_not_renewed", "lease_not_renewed_no_more"]
    assert not keeper.lost
