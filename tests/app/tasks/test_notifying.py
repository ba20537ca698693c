"""Whoever wants to be told of a task's end is told, signed, again and again until it takes it, and no more often than that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.app import Assay
from assay.app.tasks.notifying import LONGEST_RESULT, PAUSES_S, Notifying, body_of
from assay.app.tasks.webhooks import said_so
from assay.domain.given.task import NOTIFY
from assay.store.work.claiming import NOTICES, Batch, Claimed, Due, Ended
from tests import tiny
from tests.asked import RESULT, accept, answer, claim, task
from tests.hooked import NO_CONTENT, receiver

SECRET = "a secret of some length"
NOTICE = Due(NOTIFY, "stone")


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home", webhook_secret=SECRET, webhook_hosts=("127.0.0.1",)) as made:
        yield made


def notice(assay: Assay, url: str, **told: Any) -> Batch:
    """A claimed batch with the notice of a task that has ended."""
    (id,) = accept(assay.database, task(webhook=url))
    batch = claim(assay.claiming)
    assert assay.claiming.finish(batch, [answer(id, notice={"task": id, "url": url}, **told)]) == []
    return claim(assay.claiming, due=NOTICE)


def do(assay: Assay, batch: Batch) -> list[Ended]:
    return [one for part in Notifying(assay).do(batch) for one in part]


def test_the_end_of_a_task_is_told_with_its_answers(assay: Assay) -> None:
    with receiver() as (port, came):
        batch = notice(assay, f"http://127.0.0.1:{port}/told")
        (ended,) = do(assay, batch)
    assert (ended.told, json.loads(ended.result or "")) == ("succeeded", {"status": 204})
    head, _, body = came[0].partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert said_so(headers, SECRET, body)
    assert headers["webhook-id"] == batch.jobs[0].id
    told = json.loads(body)
    task_id = json.loads(batch.jobs[0].arguments)["task"]
    assert told["type"] == "task.succeeded"
    assert told["data"] | {"created_at": "", "finished_at": ""} == {
        "id": task_id, "model": "stone", "state": "succeeded", "created_at": "", "finished_at": "", "error": None,
        "result": json.loads(RESULT), "links": {"self": f"/v1/jobs/{task_id}"},
    }  # fmt: skip


@pytest.mark.parametrize(
    "refusal", [b"HTTP/1.1 500 No\r\n\r\n", b"HTTP/1.1 301 There\r\nLocation: /\r\n\r\n", b"nonsense\r\n\r\n"]
)
def test_one_that_is_not_taken_is_told_again_after_a_growing_while(assay: Assay, refusal: bytes) -> None:
    with receiver(refusal) as (port, _):
        (job,) = notice(assay, f"http://127.0.0.1:{port}/").jobs
        pauses = []
        for attempt in range(1, NOTICES + 1):
            (ended,) = do(assay, _batch(msgspec.structs.replace(job, attempts=attempt)))
            pauses.append((ended.told, ended.code, ended.pause_s))
    assert pauses == [
        *(("again", "webhook_failed", float(pause)) for pause in PAUSES_S),
        ("failed", "webhook_failed", 0.0),
    ]


def test_it_is_the_same_message_when_it_is_told_again(assay: Assay) -> None:
    with receiver(b"HTTP/1.1 503 Later\r\n\r\n", NO_CONTENT) as (port, came):
        (job,) = notice(assay, f"http://127.0.0.1:{port}/").jobs
        (first,) = do(assay, _batch(job))
        (second,) = do(assay, _batch(msgspec.structs.replace(job, attempts=2)))
    assert (first.told, second.told) == ("again", "succeeded")
    ids = [line for request in came for line in request.split(b"\r\n") if line.startswith(b"webhook-id")]
    assert len(ids) == 2 and len(set(ids)) == 1


def test_whoever_says_that_it_is_gone_is_told_no_more(assay: Assay) -> None:
    with receiver(b"HTTP/1.1 410 Gone\r\n\r\n") as (port, _):
        (ended,) = do(assay, notice(assay, f"http://127.0.0.1:{port}/"))
    assert (ended.told, ended.code) == ("failed", "webhook_failed")


def test_what_may_not_be_reached_is_not_tried_again(assay: Assay) -> None:
    (ended,) = do(assay, notice(assay, "http://10.0.0.1/"))
    assert (ended.told, ended.code) == ("failed", "webhook_rejected")


def test_one_slow_receiver_keeps_no_other_from_being_told(assay: Assay) -> None:
    with receiver() as (quick, _), receiver(NO_CONTENT, wait_s=0.1) as (slow, _):
        jobs = [notice(assay, f"http://127.0.0.1:{port}/").jobs[0] for port in (slow, quick)]
        ended = do(assay, _batch(*jobs))
    assert [one.id for one in ended] == [jobs[1].id, jobs[0].id]


def test_a_task_that_is_forgotten_is_not_told_of(assay: Assay) -> None:
    job = Claimed(
        id="a",
        arguments='{"task": "%s", "url": "http://127.0.0.1:1/"}' % ("0" * 32),
        rows=1,
        attempts=1,
        max_attempts=8,
    )
    (ended,) = do(assay, _batch(job))
    assert (ended.told, ended.code) == ("failed", "job_not_found")


def test_one_without_an_attempt_left_is_given_up(assay: Assay) -> None:
    (job,) = notice(assay, "http://127.0.0.1:1/").jobs
    (ended,) = do(assay, _batch(msgspec.structs.replace(job, attempts=9)))
    assert (ended.told, ended.code) == ("failed", "worker_lost")


def test_long_answers_are_fetched_and_not_sent(assay: Assay) -> None:
    batch = notice(assay, "http://127.0.0.1:1/", result=json.dumps("x" * LONGEST_RESULT))
    told = json.loads(body_of(assay.jobs.find(json.loads(batch.jobs[0].arguments)["task"])))
    assert told["data"]["result"] is None
    assert told["data"]["links"]["self"].startswith("/v1/jobs/")


def _batch(*jobs: Claimed) -> Batch:
    return Batch(token="t", verb=NOTIFY, model="stone", jobs=list(jobs))
