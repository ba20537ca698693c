"""Jobs are listed, canceled and tried again, and whoever does so is written down."""

from __future__ import annotations

import threading

import pytest

from assay.domain.job import Job
from assay.errors import JobEnded, JobNotFailed, JobNotFound
from assay.store.audit import Audit
from assay.store.database import Database
from assay.store.paging import Window
from assay.store.work.jobs import Jobs
from tests import chores


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


def claimed(jobs: Jobs) -> Job:
    found = jobs.claim("me", chores.VERBS, 60)
    assert found is not None
    return found


def fail(jobs: Jobs, database: Database) -> Job:
    job = claimed(jobs)
    with database.writing() as connection:
        return jobs.finish(connection, job.id, job.token or "", state="failed", code="x", error="because")


def test_a_key_that_many_bring_at_once_makes_one_job(jobs: Jobs) -> None:
    made: list[Job] = []
    threads = [threading.Thread(target=lambda: made.append(jobs.add(chores.chore(key="k")))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len({job.id for job in made}) == 1


def test_jobs_are_listed_from_the_newest_on_page_by_page(jobs: Jobs) -> None:
    made = [jobs.add(chores.chore()).id for _ in range(5)]
    first = jobs.page(Window(limit=3))
    second = jobs.page(Window(limit=3, cursor=first.next_cursor))
    assert [one.id for one in first.entries + second.entries] == made[::-1]
    assert second.next_cursor is None


def test_jobs_are_chosen_by_state_verb_and_model(jobs: Jobs) -> None:
    one = jobs.add(chores.chore(model="stone"))
    every = jobs.add(chores.chore())
    jobs.cancel(one.id, "me")
    assert [job.id for job in jobs.page(Window(), model="stone").entries] == [every.id, one.id]
    assert [job.id for job in jobs.page(Window(), model="glass").entries] == [every.id], "it is for every model"
    assert [job.id for job in jobs.page(Window(), state="canceled").entries] == [one.id]
    assert [job.id for job in jobs.page(Window(), state="running,canceled").entries] == [one.id]
    assert [job.id for job in jobs.page(Window(), state="queued,canceled").entries] == [every.id, one.id]
    assert jobs.page(Window(), verb="train").entries == []
    assert jobs.counts() == {"queued": 1, "canceled": 1}


def test_a_job_that_is_not_there_is_not_found(jobs: Jobs) -> None:
    for asked in (jobs.find, lambda id: jobs.cancel(id, "me"), lambda id: jobs.retry(id, "me")):
        with pytest.raises(JobNotFound, match="nowhere"):
            asked("nowhere")


def test_a_queued_job_is_canceled_at_once_and_a_running_one_when_its_worker_has_ended_it(jobs: Jobs) -> None:
    first, second = jobs.add(chores.chore()), jobs.add(chores.chore())
    running = claimed(jobs)
    asked = jobs.cancel(running.id, "me")
    assert (asked.state, asked.cancel_requested) == ("running", True)
    assert jobs.beat(running.id, running.token or "", 60).cancel_requested
    assert jobs.cancel(running.id, "me") == jobs.find(first.id), "asking twice changes nothing"
    ended = jobs.cancel(second.id, "me")
    assert (ended.state, ended.finished_at is not None) == ("canceled", True)
    with pytest.raises(JobEnded, match="canceled"):
        jobs.cancel(second.id, "me")


def test_a_failed_job_is_tried_again_with_all_its_attempts(jobs: Jobs, database: Database) -> None:
    jobs.add(chores.chore(key="k"))
    failed = fail(jobs, database)
    again = jobs.retry(failed.id, "me")
    assert (again.state, again.attempts, again.code, again.error, again.finished_at) == ("queued", 0, "", "", None)
    assert again.key == "k"
    assert claimed(jobs).id == failed.id
    with pytest.raises(JobNotFailed, match="running"):
        jobs.retry(failed.id, "me")


def test_a_canceled_job_is_tried_again_without_the_request_to_end_it(jobs: Jobs) -> None:
    made = jobs.add(chores.chore())
    jobs.cancel(made.id, "me")
    assert not jobs.retry(made.id, "me").cancel_requested


def test_a_job_that_succeeded_is_not_tried_again(jobs: Jobs, database: Database) -> None:
    jobs.add(chores.chore())
    job = claimed(jobs)
    with database.writing() as connection:
        jobs.finish(connection, job.id, job.token or "", state="succeeded")
    with pytest.raises(JobNotFailed, match="succeeded"):
        jobs.retry(job.id, "me")


def test_who_cancels_and_who_retries_is_written_down(jobs: Jobs, database: Database) -> None:
    made = jobs.add(chores.chore())
    jobs.cancel(made.id, "anna")
    jobs.retry(made.id, "bert")
    noted = Audit(database).page(Window(), subject=made.id).entries
    assert [(one.action, one.by) for one in noted] == [("job.retry", "bert"), ("job.cancel", "anna")]
    assert noted[1].before["state"] == "queued"
    assert noted[1].after["state"] == "canceled"
