"""Tasks are claimed together and ended together, by whoever holds their token and by nobody else."""

from __future__ import annotations

import threading
import time
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, update

from assay.clock import now_us
from assay.domain.given.task import NOTIFY, PREDICT
from assay.domain.job import Job
from assay.errors import JobNotFound
from assay.store.database import Database
from assay.store.record.predictions import predictions
from assay.store.releases.rollouts import Rollouts
from assay.store.work.claiming import FEW, MOST_TASKS, Claiming, Due, Ended
from assay.store.work.jobs import Jobs
from assay.store.work.queue import jobs as table
from tests import asked, rows
from tests.asked import STONE, answer, answers, claim, queued

SHORT_S = 0.001


@pytest.fixture
def claiming(database: Database) -> Claiming:
    return Claiming(database)


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


def kept(database: Database) -> list[str]:
    """The exchanges of all predictions."""
    with database.reading() as connection:
        return sorted(str(one) for one in connection.execute(select(predictions.c.exchange)).scalars())


def lose(claiming: Claiming, count: int = 100) -> None:
    """Somebody claims tasks and is never seen again."""
    claim(claiming, count, SHORT_S)
    time.sleep(0.01)


def test_the_oldest_are_claimed_together_with_one_lease(database: Database, claiming: Claiming, jobs: Jobs) -> None:
    ids = queued(database, 5)
    batch = claim(claiming, 3)
    assert [job.id for job in batch.jobs] == ids[:3]
    found = [jobs.find(id) for id in ids]
    assert [job.state for job in found] == ["running"] * 3 + ["queued"] * 2
    assert {(job.token, job.worker, job.attempts) for job in found[:3]} == {(batch.token, "me", 1)}
    assert all(job.lease_until and job.started_at for job in found[:3])
    assert [job.id for job in claim(claiming).jobs] == ids[3:]
    assert claiming.claim("me", STONE, 10, 60) is None


def test_so_many_questions_are_a_batch_and_a_long_list_comes_alone(database: Database, claiming: Claiming) -> None:
    queued(database, 1, questions=[{"carat": 1}] * 50)
    queued(database, 4, questions=[{"carat": 1}] * 3)
    assert [job.rows for job in claim(claiming, 7).jobs] == [50]
    assert [job.rows for job in claim(claiming, 7).jobs] == [3, 3]


def test_no_more_tasks_than_a_claim_may_take_come_together(database: Database, claiming: Claiming) -> None:
    queued(database, MOST_TASKS + 1)
    assert [len(claim(claiming, 10**6).jobs) for _ in range(2)] == [MOST_TASKS, 1]


def test_only_what_is_due_of_the_verb_and_the_model_is_claimed(
    database: Database, claiming: Claiming, jobs: Jobs
) -> None:
    queued(database, 1, model="other")
    jobs.add(Job(id="ab" * 16, at=now_us(), verb="train", model="stone"))
    (later,) = queued(database)
    with database.writing() as connection:
        connection.execute(update(table).where(table.c.id == later).values(run_after=now_us() + 10**9))
    assert not claiming.is_due(STONE)
    assert claiming.claim("me", STONE, 10, 60) is None
    assert claiming.due() == [Due(PREDICT, "other")]


def test_what_is_due_is_told_by_verb_and_model(database: Database, claiming: Claiming) -> None:
    assert claiming.due() == []
    for model in ("b", "a", "c"):
        queued(database, 3, model=model)
    assert claiming.due() == [Due(PREDICT, model) for model in "abc"]
    claim(claiming, due=Due(PREDICT, "b"))
    assert claiming.due() == [Due(PREDICT, "a"), Due(PREDICT, "c")]
    claiming.claim("me", Due(PREDICT, "a"), 10, SHORT_S)
    time.sleep(0.01)
    assert Due(PREDICT, "a") in claiming.due(), "whoever had it is lost"


def test_who_rules_is_read_in_the_same_transaction(database: Database, claiming: Claiming) -> None:
    queued(database, 2)
    assert claim(claiming, 1).rollout is None
    decided = Rollouts(database).append(rows.rollout(model="stone", version=4))
    assert claim(claiming, 1).rollout == decided


def test_all_that_came_of_tasks_is_kept_with_their_end(database: Database, claiming: Claiming, jobs: Jobs) -> None:
    first, second, third = queued(database, 3)
    batch = claim(claiming)
    failed = Ended(id=second, told="failed", code="model_error", error="No.")
    assert claiming.finish(batch, [answer(first), failed]) == []
    good, bad, open_ = (jobs.find(id) for id in (first, second, third))
    assert (good.state, good.result, good.done, good.code) == ("succeeded", msgspec.json.decode(asked.RESULT), 1, "")
    assert (bad.state, bad.result, bad.done, bad.code, bad.error) == ("failed", None, 0, "model_error", "No.")
    assert good.finished_at is not None and good.lease_until is None
    assert open_.state == "running"
    assert kept(database) == [first]
    assert claiming.finish(batch, [answer(third)]) == []
    assert kept(database) == sorted([first, third])


def test_answers_of_an_experiment_are_kept_with_its_name(database: Database, claiming: Claiming) -> None:
    one, two = queued(database, 2)
    drawn = (*asked.prediction(one), "blue")
    claiming.finish(claim(claiming), [answer(one, answers=[drawn]), answer(two)])
    with database.reading() as connection:
        found = dict(connection.execute(select(predictions.c.exchange, predictions.c.experiment)).all())
    assert found == {one: "blue", two: None}


def test_whoever_lost_a_batch_can_end_nothing_of_it(database: Database, claiming: Claiming, jobs: Jobs) -> None:
    ids = queued(database, 3)
    zombie = claim(claiming, lease_s=SHORT_S)
    time.sleep(0.01)
    batch = claim(claiming)
    assert [job.id for job in batch.jobs] == ids
    assert claiming.finish(zombie, answers(zombie)) == ids
    assert kept(database) == []
    assert not claiming.beat(zombie, 60)
    assert claiming.finish(batch, answers(batch)) == []
    assert claiming.finish(zombie, answers(zombie)) == ids
    assert kept(database) == sorted(ids)
    assert {jobs.find(id).attempts for id in ids} == {2}


def test_without_the_fence_whoever_lost_a_batch_answers_a_second_time(database: Database) -> None:
    ids = queued(database, 2)
    claiming = Claiming(database, fenced=False)
    zombie = claim(claiming, lease_s=SHORT_S)
    time.sleep(0.01)
    batch = claim(claiming)
    for one in (batch, zombie):
        claiming.finish(one, answers(one))
    assert kept(database) == sorted(ids * 2)


def test_a_task_that_was_to_be_canceled_keeps_no_answer(database: Database, claiming: Claiming, jobs: Jobs) -> None:
    ids = queued(database, 2)
    batch = claim(claiming)
    jobs.cancel(ids[0], "test")
    assert claiming.finish(batch, answers(batch)) == []
    assert [jobs.find(id).state for id in ids] == ["canceled", "succeeded"]
    assert kept(database) == [ids[1]]


def test_a_queued_task_is_canceled_at_once(database: Database, claiming: Claiming, jobs: Jobs) -> None:
    ids = queued(database, 2)
    assert jobs.cancel(ids[0], "test").state == "canceled"
    assert [job.id for job in claim(claiming).jobs] == [ids[1]]


def test_what_was_lost_comes_in_few_and_for_the_last_time_alone(database: Database, claiming: Claiming) -> None:
    queued(database, FEW + 3, max_attempts=3)
    lose(claiming)
    queued(database, 2)
    few = claim(claiming, lease_s=0.5)
    assert (len(few.jobs), {job.attempts for job in few.jobs}) == (FEW, {2})
    rest = claim(claiming)
    assert (len(rest.jobs), {job.attempts for job in rest.jobs}) == (3, {2})
    time.sleep(0.6)
    alone = [claim(claiming) for _ in range(FEW)]
    assert {(len(batch.jobs), batch.jobs[0].attempts) for batch in alone} == {(1, 3)}
    assert {job.attempts for job in claim(claiming).jobs} == {1}


def test_a_task_that_may_be_begun_once_comes_alone(database: Database, claiming: Claiming) -> None:
    queued(database, 2, max_attempts=1)
    assert len(claim(claiming).jobs) == 1


def test_tasks_without_an_attempt_left_come_to_be_ended(database: Database, claiming: Claiming, jobs: Jobs) -> None:
    ids = queued(database, 3, max_attempts=2)
    lose(claiming)
    for id in ids:
        lose(claiming)  # alone, and for the last time
        over = claim(claiming)
        assert [(job.id, job.attempts > job.max_attempts) for job in over.jobs] == [(id, True)]
        assert claiming.finish(over, [Ended(id=id, told="failed", code="worker_lost", error="lost")]) == []
    assert {(job.state, job.attempts, job.code) for job in map(jobs.find, ids)} == {("failed", 2, "worker_lost")}


def test_a_lost_task_that_was_to_be_canceled_is_canceled(database: Database, claiming: Claiming, jobs: Jobs) -> None:
    (id,) = queued(database)
    lose(claiming)
    jobs.cancel(id, "test")
    over = claim(claiming)
    claiming.finish(over, [Ended(id=id, told="failed", code="worker_lost")])
    assert (jobs.find(id).state, jobs.find(id).attempts) == ("canceled", 1)


def test_a_beat_keeps_a_batch(database: Database, claiming: Claiming) -> None:
    queued(database)
    batch = claim(claiming, lease_s=0.2)
    for _ in range(3):
        time.sleep(0.1)
        assert claiming.beat(batch, 0.2)
    assert not claiming.is_due(STONE)


def test_what_is_handed_back_has_lost_no_attempt(database: Database, claiming: Claiming, jobs: Jobs) -> None:
    ids = queued(database, 3)
    batch = claim(claiming)
    claiming.finish(batch, [answer(ids[0])])
    assert claiming.hand_back(batch) == 2
    assert [(job.state, job.attempts) for job in map(jobs.find, ids)] == [
        ("succeeded", 1),
        ("queued", 0),
        ("queued", 0),
    ]
    assert claiming.finish(batch, [answer(ids[1])]) == [ids[1]]


def test_what_is_to_be_tried_again_waits_for_a_while(database: Database, claiming: Claiming, jobs: Jobs) -> None:
    (id,) = queued(database)
    batch = claim(claiming)
    again = Ended(id=id, told="again", code="artifact_rejected", error="Later.", pause_s=0.3)
    assert claiming.finish(batch, [again]) == []
    found = jobs.find(id)
    assert (found.state, found.attempts, found.code, found.token) == ("queued", 1, "artifact_rejected", None)
    assert not claiming.is_due(STONE)
    time.sleep(0.4)
    assert [job.attempts for job in claim(claiming).jobs] == [2]
    assert jobs.find(id).code == ""


def test_whoever_wants_to_be_told_is_in_the_transaction_of_the_end(database: Database, claiming: Claiming) -> None:
    ids = queued(database, 2)
    told: dict[str, Any] = {"task": ids[0], "url": "https://example.org"}
    zombie = claim(claiming, lease_s=SHORT_S)
    time.sleep(0.01)
    batch = claim(claiming)
    for one in (zombie, batch):
        claiming.finish(one, [answer(ids[0], notice=told), answer(ids[1])])
    notices = claim(claiming, due=Due(NOTIFY, "stone")).jobs
    assert [msgspec.json.decode(job.arguments) for job in notices] == [told]


def test_ten_at_once_claim_each_task_once(database: Database, claiming: Claiming) -> None:
    ids = queued(database, 60)
    taken: list[str] = []

    def work() -> None:
        while (batch := claiming.claim("me", STONE, 7, 60)) is not None:
            taken.extend(job.id for job in batch.jobs)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == ids


def test_ordinary_workers_leave_tasks_alone(database: Database, claiming: Claiming, jobs: Jobs) -> None:
    (id,) = queued(database, max_attempts=1)
    lose(claiming)
    assert jobs.claim("me", ("train",), 60) is None
    assert jobs.find(id).state == "running"
    with pytest.raises(JobNotFound):
        jobs.find("0" * 32)


@pytest.mark.parametrize("what", ["queued", "ended"])
def test_whoever_listens_hears_that_tasks_are_queued_and_ended(
    database: Database, claiming: Claiming, what: Any
) -> None:  # fmt: skip
    heard = threading.Event()
    deaf = database.listen(heard.set, what)
    assert deaf is not None
    time.sleep(0.5)
    if what == "ended":
        queued(database)
        batch = claim(claiming)
        time.sleep(0.3)
        heard.clear()
        claiming.finish(batch, answers(batch))
    else:
        heard.clear()
        queued(database)
    assert heard.wait(5)
    deaf()
