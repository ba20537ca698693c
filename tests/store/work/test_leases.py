"""A job belongs to one worker at a time, and whoever lost it can write nothing for it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from assay.clock import now_us
from assay.domain.job import Job
from assay.errors import LeaseLost
from assay.store.database import Database
from assay.store.databases import open_database
from assay.store.work.jobs import Jobs, fence
from assay.store.work.jobs import jobs as table
from assay.store.work.leases import LOG_BYTES, tail
from tests import chores

SHORT_S = 0.001


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


def claim(jobs: Jobs, lease_s: float = 60) -> Job:
    found = jobs.claim("me", chores.VERBS, lease_s)
    assert found is not None
    return found


def token(job: Job) -> str:
    assert job.token is not None
    return job.token


def reclaim(jobs: Jobs) -> tuple[Job, Job]:
    """The same job in the hands of one whose lease ran out, and of the next."""
    first = claim(jobs, SHORT_S)
    time.sleep(0.01)
    return first, claim(jobs)


def finish(jobs: Jobs, database: Database, job: Job) -> Job:
    with database.writing() as connection:
        return jobs.finish(connection, job.id, token(job), state="succeeded", result={"by": job.token})


def test_the_most_urgent_and_then_the_oldest_job_is_claimed(jobs: Jobs) -> None:
    made = [jobs.add(chores.chore(priority=priority)).id for priority in (0, 5, 5, -1)]
    assert [claim(jobs).id for _ in made] == [made[1], made[2], made[0], made[3]]
    assert jobs.claim("me", chores.VERBS, 60) is None


def test_a_claimed_job_says_who_does_it_and_since_when(jobs: Jobs) -> None:
    jobs.add(chores.chore())
    found = claim(jobs)
    assert (found.state, found.attempts, found.worker) == ("running", 1, "me")
    assert found.started_at is not None
    assert found == jobs.find(found.id)


def test_a_job_of_another_verb_or_of_later_is_left_alone(jobs: Jobs) -> None:
    jobs.add(chores.chore(run_after=now_us() + 60_000_000))
    assert jobs.claim("me", chores.VERBS, 60) is None
    jobs.add(chores.chore())
    assert jobs.claim("me", ("train",), 60) is None


def test_a_job_that_many_claim_at_once_is_given_to_one(jobs: Jobs) -> None:
    jobs.add(chores.chore())
    found: list[Job | None] = []
    threads = [
        threading.Thread(target=lambda: found.append(jobs.claim("me", chores.VERBS, 60))) for _ in range(8)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert sum(one is not None for one in found) == 1


def test_one_job_can_be_claimed_by_its_id(jobs: Jobs) -> None:
    first, second = jobs.add(chores.chore()), jobs.add(chores.chore())
    claimed = jobs.claim("me", chores.VERBS, 60, only=second.id)
    assert claimed is not None
    assert claimed.id == second.id
    assert jobs.claim("me", chores.VERBS, 60, only=second.id) is None
    assert jobs.find(first.id).state == "queued"


def test_looking_for_work_where_there_is_none_takes_no_turn_to_write(jobs: Jobs, database: Database) -> None:
    jobs.add(chores.chore(max_attempts=9))
    claim(jobs)
    with database.turn():  # whoever wanted to write now would wait for ten seconds, and fail
        assert jobs.claim("me", chores.VERBS, 60) is None


def test_a_job_whose_lease_ran_out_is_claimed_again_with_another_token(jobs: Jobs) -> None:
    jobs.add(chores.chore())
    first, second = reclaim(jobs)
    assert (second.id, second.attempts) == (first.id, 2)
    assert second.token != first.token


def test_a_job_that_ran_before_the_machine_was_started_again_is_claimed(jobs: Jobs, database: Database) -> None:
    jobs.add(chores.chore())
    first = claim(jobs, 1e6)
    with database.writing() as connection:
        connection.execute(update(table).values(lease_boot="before"))
    assert claim(jobs).id == first.id


def test_a_beat_keeps_a_job_and_its_progress(jobs: Jobs) -> None:
    jobs.add(chores.chore())
    job = claim(jobs, 0.3)
    jobs.report(job.id, token(job), stage="fitting", done=1, total=3)
    for _ in range(5):
        time.sleep(0.1)
        assert jobs.beat(job.id, token(job), 0.3).stage == "fitting"
    assert jobs.claim("you", chores.VERBS, 60) is None


def test_whoever_lost_a_job_can_write_nothing_for_it(jobs: Jobs, database: Database) -> None:
    jobs.add(chores.chore())
    first, second = reclaim(jobs)
    with pytest.raises(LeaseLost):
        jobs.held(first.id, token(first))
    with pytest.raises(LeaseLost):
        jobs.beat(first.id, token(first), 60)
    with pytest.raises(LeaseLost):
        jobs.report(first.id, token(first), line="still here")
    with pytest.raises(LeaseLost):
        jobs.hand_back(first.id, token(first), "x")
    with pytest.raises(LeaseLost):
        jobs.lost(first.id, token(first), "x")
    with pytest.raises(LeaseLost):
        finish(jobs, database, first)
    assert jobs.find(second.id) == second
    assert finish(jobs, database, second).result == {"by": second.token}
    assert not jobs.owned(first.id, token(first))
    assert jobs.owned(second.id, token(second))
    with pytest.raises(LeaseLost):
        finish(jobs, database, second)


def test_without_the_fence_it_can(database: Database) -> None:
    jobs = Jobs(database, fenced=False)
    jobs.add(chores.chore())
    first, second = reclaim(jobs)
    finish(jobs, database, second)
    assert finish(jobs, database, first).result == {"by": first.token}, "the zombie has overwritten the answer"


def test_the_fence_stops_every_transaction_of_whoever_lost_the_job(jobs: Jobs, where: Path | str) -> None:
    jobs.add(chores.chore())
    first, second = reclaim(jobs)
    other = open_database(where)
    other.fence = fence(first.id, token(first))
    with pytest.raises(LeaseLost):
        Jobs(other).add(chores.chore())
    other.fence = fence(second.id, token(second))
    Jobs(other).add(chores.chore())
    other.close()
    assert jobs.counts() == {"running": 1, "queued": 1}


def test_what_is_written_with_an_outcome_that_comes_too_late_is_not_kept(jobs: Jobs, database: Database) -> None:
    jobs.add(chores.chore())
    first, _ = reclaim(jobs)
    with pytest.raises(LeaseLost), database.writing() as connection:
        connection.execute(table.update().values(model="overwritten"))
        jobs.finish(connection, first.id, token(first), state="succeeded")
    assert jobs.find(first.id).model is None


def test_a_job_whose_attempts_are_used_up_fails_and_the_next_is_claimed(jobs: Jobs) -> None:
    poison, other = jobs.add(chores.chore(max_attempts=2)), jobs.add(chores.chore())
    reclaim(jobs)
    jobs_lost = jobs.find(poison.id)
    jobs.beat(poison.id, token(jobs_lost), SHORT_S)
    time.sleep(0.01)
    assert claim(jobs).id == other.id
    ended = jobs.find(poison.id)
    assert (ended.state, ended.attempts, ended.code) == ("failed", 2, "worker_lost")
    assert ended.error == "its worker was lost 2 times"
    assert ended.finished_at is not None


def test_a_lost_job_that_was_to_be_canceled_is_canceled(jobs: Jobs) -> None:
    jobs.add(chores.chore())
    job = claim(jobs, SHORT_S)
    jobs.cancel(job.id, "me")
    time.sleep(0.01)
    assert jobs.claim("me", ("train",), 60) is None
    assert jobs.find(job.id).state == "canceled"


def test_a_job_whose_process_died_is_queued_at_once_until_its_attempts_are_used_up(jobs: Jobs) -> None:
    made = jobs.add(chores.chore(max_attempts=2))
    first = claim(jobs)
    assert jobs.lost(made.id, token(first), "ended by signal 11", "Segmentation fault\nat x").state == "queued"
    ended = jobs.lost(made.id, token(claim(jobs)), "ended with status 3")
    assert (ended.state, ended.attempts, ended.code) == ("failed", 2, "worker_lost")
    assert ended.error == "its worker was lost 2 times, the last one ended with status 3"
    assert ended.log.splitlines() == [
        "attempt 1: ended by signal 11",
        "! Segmentation fault",
        "! at x",
        "attempt 2: ended with status 3",
    ]


def test_a_job_that_is_handed_back_has_lost_no_attempt(jobs: Jobs) -> None:
    made = jobs.add(chores.chore(max_attempts=1))
    for _ in range(3):
        back = jobs.hand_back(made.id, token(claim(jobs)), "told to stop")
        assert (back.state, back.attempts, back.token) == ("queued", 0, None)
    assert claim(jobs).attempts == 1


def test_a_job_to_be_canceled_is_neither_handed_back_nor_tried_again(jobs: Jobs) -> None:
    for release in (jobs.hand_back, jobs.lost):
        made = jobs.add(chores.chore())
        job = claim(jobs)
        jobs.cancel(made.id, "me")
        assert release(made.id, token(job), "x").state == "canceled"


def test_the_end_of_a_long_log_is_kept_in_whole_lines(jobs: Jobs) -> None:
    jobs.add(chores.chore())
    job = claim(jobs)
    for number in range(40):
        jobs.report(job.id, token(job), line=f"{number} {'ä' * 500}")
    log = jobs.find(job.id).log
    assert LOG_BYTES - 1100 < len(log.encode()) <= LOG_BYTES
    assert log.endswith("\n")
    assert log.split(" ")[0].isdigit(), "it begins in the middle of a line"


def test_a_report_changes_what_it_tells_and_nothing_else(jobs: Jobs) -> None:
    jobs.add(chores.chore())
    job = claim(jobs)
    jobs.report(job.id, token(job), stage="reading", total=5)
    jobs.report(job.id, token(job), done=2)
    jobs.report(job.id, token(job))
    found = jobs.find(job.id)
    assert (found.stage, found.done, found.total, found.log) == ("reading", 2, 5, "")


@pytest.mark.parametrize(
    ("text", "limit", "kept"), [("", 5, ""), ("abc", 3, "abc"), ("one\ntwo\n", 6, "two\n"), ("ääää", 3, "ä")]
)
def test_a_tail_is_the_end_of_a_text(text: str, limit: int, kept: str) -> None:
    assert tail(text, limit) == kept
