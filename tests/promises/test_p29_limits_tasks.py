"""P29: limits hold by count, not by trust: how many tasks wait and are done together, and whom a webhook may name."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.app.tasks.notifying import body_of
from assay.app.tasks.scoring import Scoring
from assay.app.tasks.webhooks import Webhooks
from assay.clock import new_id
from assay.domain.job import Job
from assay.errors import Overloaded, WebhookRejected
from assay.jobs.pace import Pace
from assay.serving.batch import Awaited, Lane
from assay.settings import settings_for
from assay.store.database import Database
from assay.store.databases import open_database
from assay.store.work.claiming import Claiming, Due
from assay.web.tasks.desk import Look
from tests import standins, stores
from tests.asked import STONE, answer, claim, queued
from tests.promises.limits import limit, tries
from tests.promises.servers import JSON, Server, copy_of, serving
from tests.promises.servers import STONE as QUESTION

LATER = JSON | {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def database_kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with stores.kept(None, tmp_path) as place:
        made = open_database(place)
        yield made
        made.close()


@tries("queued-tasks")
def test_tasks_that_wait(trained: Path, tmp_path: Path) -> None:
    with serving(copy_of(trained, tmp_path / "home"), told={"max_queued_tasks": 3}) as server:
        body = json.dumps(QUESTION).encode()
        answers = [server.ask("/v1/models/stones/predict", body, headers=LATER) for _ in range(4)]
    assert [one.status for one in answers] == [202, 202, 202, 503]
    assert answers[-1].code == "overloaded"


@tries("predict-workers")
def test_predictors(tmp_path: Path) -> None:
    most = limit("predict-workers")
    assert settings_for(tmp_path, predict_workers=most).predict_workers == most
    with pytest.raises(ValueError, match="predict_workers"):
        settings_for(tmp_path, predict_workers=most + 1)


@tries("tasks-together", "task-rows")
def test_tasks_that_are_done_together(database: Database) -> None:
    together, rows = limit("tasks-together"), limit("task-rows")
    pace = Pace()
    for _ in range(10):
        pace.learn(pace.rows, 1)
    assert pace.rows == rows
    claiming = Claiming(database)
    queued(database, together + 1)
    assert [len(claim(claiming, 10**9).jobs) for _ in range(2)] == [together, 1]
    queued(database, 2, questions=[QUESTION] * (rows // 2 + 1))
    assert [len(claim(claiming, pace.rows).jobs) for _ in range(2)] == [1, 1]
    queued(database, 2, questions=[QUESTION] * (rows // 2))
    assert len(claim(claiming, pace.rows).jobs) == 2


@tries("task-versions")
def test_versions_that_stay_loaded() -> None:
    def load(version: Any) -> Any:
        return standins.version(standins.times(1), number=version.number)

    found = SimpleNamespace(find=lambda _model, number: SimpleNamespace(status="ready", number=number))
    scoring = Scoring(SimpleNamespace(versions=found, loader=SimpleNamespace(load=load)))  # type: ignore[arg-type]  # the two parts it needs
    for number in range(1, limit("task-versions") + 2):
        scoring._at_hand("stone", number)
    assert [number for _, number in scoring._loaded] == list(range(2, limit("task-versions") + 2))


@tries("longest-wait")
def test_how_long_a_client_waits_at_once(shared_server: Server) -> None:
    made = shared_server.ask("/v1/models/stones/predict", json.dumps(QUESTION).encode(), headers=LATER)
    place, longest = made.headers["location"], limit("longest-wait")
    refused = shared_server.ask(f"{place}?wait={longest + 1}")
    assert (refused.status, refused.code) == (422, "invalid_parameter")
    assert shared_server.ask(place, method="DELETE").status == 200
    assert shared_server.ask(f"{place}?wait={longest}").json["state"] == "canceled"


@tries("webhook-address")
def test_an_address_of_a_webhook() -> None:
    webhooks, head = Webhooks("a secret of some length"), "https://example.org/"
    webhooks.check(head.ljust(limit("webhook-address"), "x"))
    with pytest.raises(WebhookRejected):
        webhooks.check(head.ljust(limit("webhook-address") + 1, "x"))


@tries("webhook-answers")
def test_answers_that_a_webhook_carries() -> None:
    def carried(length: int) -> Any:
        job = Job(id=new_id(), at=1, verb="predict", model="stone", state="succeeded", result="x" * (length - 2))
        return json.loads(body_of(job))["data"]["result"]

    assert carried(limit("webhook-answers")) is not None
    assert carried(limit("webhook-answers") + 1) is None


@tries("webhook-tries")
def test_how_often_a_webhook_is_tried(database: Database) -> None:
    claiming = Claiming(database)
    (id,) = queued(database)
    claiming.finish(claim(claiming), [answer(id, notice={"task": id, "url": "https://example.org"})])
    (notice,) = claim(claiming, due=Due("notify", "stone")).jobs
    assert notice.max_attempts == limit("webhook-tries")


@tries("slow-rows")
def test_questions_behind_a_round_that_is_slow() -> None:
    free = threading.Event()

    def work(tasks: Sequence[Awaited]) -> None:
        time.sleep(0.3)
        if len(tasks) > 1:
            free.wait(30)

    async def story() -> int:
        lane: Lane[Awaited] = Lane("slow", work, 10_000)
        lane.patience_us = 2_000_000  # in which six questions of this kind are answered
        first = Awaited(1)
        lane.submit(first)
        await first.future
        made = [Awaited(1) for _ in range(2)]
        for one in made:
            lane.submit(one)
        await asyncio.sleep(0.4)
        while True:
            made.append(Awaited(1))
            try:
                lane.submit(made[-1])
            except Overloaded:
                break
        waiting = lane.waiting_rows
        free.set()
        await asyncio.gather(*(one.future for one in made[:-1]))
        await lane.close()
        return waiting

    assert asyncio.run(story()) == limit("slow-rows")


@tries("looks")
def test_questions_for_jobs_that_wait() -> None:
    free = threading.Event()

    def work(_looks: Sequence[Look]) -> None:
        free.wait(30)

    async def story() -> None:
        lane: Lane[Look] = Lane("jobs", work, limit("looks"))
        looks = [Look(STONE.verb) for _ in range(limit("looks"))]
        for look in looks:
            lane.submit(look)
        with pytest.raises(Overloaded):
            lane.submit(Look("one more"))
        free.set()
        await asyncio.gather(*(look.future for look in looks))
        await lane.close()

    asyncio.run(story())
