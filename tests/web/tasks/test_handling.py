"""An application's own routes accept tasks and tell of them in a few lines."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.domain.exchange import Exchange
from assay.store.paging import Window
from tests import tiny
from tests.web.running import Answer, Running, eventually, serving
from tests.web.tasks.conftest import predicting

ROUTES = '''

@router.post("/prediction", status_code=202)
async def prediction(asked: list[Stone]) -> dict[str, Any]:
    """Stones to be priced later."""
    task = await stone.submit(asked)
    return {"task_id": task.id, "status": "Processing", "questions": task.questions}


@router.post("/refused")
async def refused(asked: Stone) -> None:
    """Changes its mind."""
    await stone.submit([asked])
    raise HTTPException(409, "not today")


@router.post("/hooked", status_code=202)
async def hooked(asked: Stone, webhook: str, version: int | None = None) -> str:
    """Somebody is to be told."""
    return (await stone.submit([asked], webhook=webhook, version=version)).id


@router.get("/task/{id}")
async def task(id: str, wait: int = 0) -> dict[str, Any]:
    """How far it is."""
    found = await stone.task(id, wait_s=wait)
    score = [one.prediction for one in found.predictions]
    return {"task_id": id, "status": "SUCCESS" if found.ended else "Processing", "score": score, "version": found.version}


@router.get("/tasks")
async def tasks(request: Request) -> list[str]:
    """All of them."""
    page = await request.app.state.ask("GET", "/v1/jobs", verb="predict", limit=5)
    return [one["id"] for one in page["results"]]
'''


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny application with routes for tasks."""
    place = tmp_path_factory.mktemp("handled") / "app"
    shutil.copytree(tiny.application(), place)
    api = (
        (place / "api.py")
        .read_text()
        .replace("import APIRouter, HTTPException, Query", "import APIRouter, HTTPException, Query, Request")
    )
    (place / "api.py").write_text(api + ROUTES)
    return place


@pytest.fixture
def running(application: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(tiny, "application", lambda: application)
    with serving(tmp_path / "home", max_queued_tasks=50, webhook_secret="a secret of some length") as made:
        yield made


def test_an_application_offers_tasks_by_its_own_names(running: Running) -> None:
    with predicting(running.assay):
        asked = [tiny.QUESTION, tiny.QUESTION | {"carat": 2.0}]
        made = running.post("/prediction", asked)
        assert (made.status, made.json["status"], made.json["questions"]) == (202, "Processing", 2)
        told = running.get(f"/task/{made.json['task_id']}?wait=30").json
        expected = [one["prediction"] for one in running.predict(asked).json]
        assert (told["status"], told["score"]) == ("SUCCESS", expected)
        assert running.get("/tasks").json == [made.json["task_id"]]


def test_a_task_is_in_the_record_with_the_exchange_in_which_it_was_asked(running: Running) -> None:
    with predicting(running.assay):
        made = running.post("/prediction", [tiny.QUESTION])
        running.get(f"/task/{made.json['task_id']}?wait=30")
    (kept,) = running.assay.predictions.page(Window(), exchange=made.id).entries
    assert kept.role == "answer"


def test_of_an_exchange_that_is_refused_nothing_is_done(running: Running) -> None:
    assert running.post("/refused", tiny.QUESTION).status == 409
    assert running.assay.tasks.waiting(10) == 0


def test_what_cannot_be_accepted_is_refused(running: Running) -> None:
    assert running.post("/prediction", [tiny.QUESTION | {"carat": -1}]).status == 422
    assert running.post("/prediction", []).status == 422
    assert running.post("/hooked?webhook=http://10.0.0.1/", tiny.QUESTION).json["code"] == "webhook_rejected"
    assert running.get(f"/task/{'0' * 32}").json["code"] == "job_not_found"
    assert running.assay.tasks.waiting(10) == 0


def test_an_unfinished_task_says_so(running: Running) -> None:
    made = running.post("/prediction", [tiny.QUESTION])
    told = running.get(f"/task/{made.json['task_id']}").json
    assert (told["status"], told["score"]) == ("Processing", [])


def test_a_flood_of_an_applications_own_routes_is_bounded_too(running: Running) -> None:
    statuses = [running.post("/prediction", [tiny.QUESTION]).status for _ in range(55)]
    assert statuses == [202] * 50 + [503] * 5
    eventually(lambda: running.assay.tasks.waiting(100) == 50)


def test_a_key_makes_one_task_of_an_applications_own_route(running: Running) -> None:
    first, again = (running.post("/prediction", [tiny.QUESTION], Idempotency_Key="k") for _ in range(2))
    assert (again.status, again.body) == (202, first.body)
    assert (again.headers["content-type"], again.headers["idempotent-replayed"]) == ("application/json", "true")
    assert "idempotent-replayed" not in first.headers
    assert running.recorded(again).replay_of == first.id
    assert running.assay.tasks.waiting(10) == 1
    other = running.post("/prediction", [tiny.QUESTION] * 2, Idempotency_Key="k")
    assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")
    asked = running.post("/prediction?more=1", [tiny.QUESTION], Idempotency_Key="k")
    assert asked.json["code"] == "idempotency_mismatch"
    assert running.post("/prediction", [tiny.QUESTION], Idempotency_Key="another").json != first.json
    assert running.post("/prediction", [tiny.QUESTION], Idempotency_Key="a b").json["code"] == "bad_idempotency_key"
    assert running.assay.tasks.waiting(10) == 2


def test_a_key_that_many_use_at_once_makes_one_task(running: Running) -> None:
    answers: list[Answer] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(running.post("/prediction", [tiny.QUESTION], Idempotency_Key="k"))
        )
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} <= {202, 409}
    assert len({answer.body for answer in answers if answer.status == 202}) == 1
    assert running.assay.tasks.waiting(10) == 1


def test_two_processes_that_are_asked_under_one_key_make_one_task(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = running.post("/prediction", [tiny.QUESTION], Idempotency_Key="k")
    find, looked = running.assay.exchanges.by_idempotency_key, []

    def late(key: str) -> Exchange | None:  # as if the other had recorded it only after our look
        looked.append(key)
        return None if len(looked) == 1 else find(key)

    monkeypatch.setattr(running.assay.exchanges, "by_idempotency_key", late)
    again = running.post("/prediction", [tiny.QUESTION], Idempotency_Key="k")
    assert (again.status, again.body, looked) == (202, first.body, ["POST /prediction k"] * 2)
    assert running.assay.tasks.waiting(10) == 1


def test_a_refusal_does_not_use_up_its_key(running: Running) -> None:
    statuses = [running.post("/refused", tiny.QUESTION, Idempotency_Key="k").status for _ in range(2)]
    assert statuses == [409, 409]
    assert [running.get("/tasks").status, running.ask("GET", "/tasks", headers={"Idempotency-Key": "k"}).status] == [
        200
    ] * 2


def test_who_is_to_be_told_may_be_named_by_the_client(running: Running) -> None:
    asked = running.post("/prediction", [tiny.QUESTION], Webhook_URL="https://10.0.0.1/told")
    assert asked.json["code"] == "webhook_rejected"
    assert running.assay.tasks.waiting(10) == 0
    running.post("/prediction", [tiny.QUESTION], Webhook_URL="https://example.org/told")
    with running.assay.database.reading() as connection:
        told = connection.exec_driver_sql("SELECT arguments FROM jobs WHERE verb = 'predict'").scalars().all()
    assert ["https://example.org/told" in str(one) for one in told] == [True]
