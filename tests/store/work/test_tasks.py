"""Tasks are counted and looked for by those who have asked, without the questions and however many there are."""

from __future__ import annotations

import json

import pytest

from assay.clock import new_id
from assay.domain.job import Job
from assay.errors import AlreadyAnswered, IdempotencyMismatch
from assay.store.database import Database
from assay.store.paging import Window
from assay.store.record.recorder import Entry, Recorder
from assay.store.work.claiming import Claiming, Ended
from assay.store.work.jobs import Jobs
from assay.store.work.tasks import Tasks, key_of, row_of
from tests import rows
from tests.asked import accept, answers, claim, queued, task


@pytest.fixture
def tasks(database: Database) -> Tasks:
    return Tasks(database)


def test_a_task_is_kept_with_its_exchange_or_not_at_all(database: Database, tasks: Tasks) -> None:
    recorder, exchange = Recorder(database), new_id()
    job, order = task(exchange=exchange)
    good = Entry(rows.exchange_values(id=exchange), [], [row_of(job, order)])
    bad = Entry(rows.exchange_values(id=exchange), [], [row_of(*task())])  # the exchange is there already
    recorder.record([good])
    recorder.record([bad])
    recorder.close()
    assert (good.error, type(bad.error).__name__) == (None, "Unstorable")
    assert tasks.waiting(10) == 1
    found = tasks.seen([job.id])[job.id]
    assert (found.state, found.attempts, found.max_attempts, found.total) == ("queued", 0, 3, 1)
    assert found.arguments == {"version": None, "exchange": exchange, "questions": 1}


def test_tasks_exchanges_and_predictions_of_many_share_a_commit(database: Database, tasks: Tasks) -> None:
    recorder = Recorder(database)
    entries = [Entry(rows.exchange_values(), [rows.prediction_values()], [row_of(*task())]) for _ in range(70)]
    recorder.record(entries)
    recorder.close()
    assert [entry.error for entry in entries] == [None] * 70
    assert tasks.waiting(1000) == 70


def test_of_one_key_there_is_one_task(database: Database, tasks: Tasks) -> None:
    recorder, key = Recorder(database), key_of("POST /v1/models/stone/predict abc")
    first, again = ([Entry(None, [], [row_of(*task(key=key))])] for _ in range(2))
    recorder.record(first)
    recorder.record(again)
    recorder.close()
    assert isinstance(again[0].error, AlreadyAnswered)
    known = tasks.known(key, json.dumps({"carat": 1.0, "cut": "Ideal", "color": "E"}).encode() + b" \n")
    assert known is not None and known.id == first[0].tasks[0][0]
    with pytest.raises(IdempotencyMismatch):
        tasks.known(key, b"{}")
    assert tasks.known("another", b"{}") is None


def test_what_waits_is_counted_up_to_a_limit(database: Database, tasks: Tasks) -> None:
    queued(database, 5)
    Jobs(database).add(Job(id=new_id(), at=1, verb="train"))
    assert (tasks.waiting(100), tasks.waiting(3)) == (5, 3)
    claim(Claiming(database), 2)
    assert tasks.waiting(100) == 3


def test_jobs_of_any_verb_are_seen_by_their_ids(database: Database, tasks: Tasks) -> None:
    ids = queued(database, 700)
    other = Jobs(database).add(Job(id=new_id(), at=1, verb="train", arguments={"trials": 2}))
    found = tasks.seen([*ids, other.id, "0" * 32])
    assert sorted(found) == sorted([*ids, other.id])
    assert found[other.id].arguments == {"trials": 2}


def test_those_that_have_ended_are_told_with_what_came_of_them(database: Database, tasks: Tasks) -> None:
    ids, claiming = queued(database, 3), Claiming(database)
    assert tasks.ended(ids) == []
    batch = claim(claiming, 2)
    claiming.finish(batch, answers(batch))
    found = tasks.ended(ids)
    assert sorted(job.id for job in found) == ids[:2]
    assert json.loads(bytes(found[0].result))["prediction"] == 2.5


def test_a_list_of_jobs_tells_tasks_without_what_was_asked_and_answered(database: Database) -> None:
    (id,) = accept(database, task(questions=[{"text": "x" * 50_000}]))
    claiming, jobs = Claiming(database), Jobs(database)
    batch = claim(claiming)
    claiming.finish(batch, answers(batch))
    (listed,) = jobs.page(Window(), verb="predict", model="stone", state="succeeded").entries
    assert (listed.id, listed.result, listed.arguments["questions"]) == (id, None, 1)
    assert jobs.find(id).result is not None
    assert jobs.page(Window(), verb="train").entries == []


def test_a_task_that_failed_is_tried_again_with_its_questions(database: Database) -> None:
    (id,) = queued(database, questions=[{"carat": 1}] * 4)
    claiming, jobs = Claiming(database), Jobs(database)
    batch = claim(claiming)
    claiming.finish(batch, [Ended(id=id, told="failed", code="model_error", error="No.")])
    assert jobs.retry(id, "test").total == 4
    assert [(job.rows, job.attempts) for job in claim(claiming).jobs] == [(4, 1)]
