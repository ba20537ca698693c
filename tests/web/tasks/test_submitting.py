"""A client that need not wait is told where its answer will be; one that waits a while gets it if it is there in time."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from assay.store.paging import Window
from tests import tiny
from tests.asked import claim
from tests.web.running import Answer, Running, eventually

LATER = {"Prefer": "respond-async"}


def submit(server: Running, body: Any = tiny.QUESTION, path: str = "/v1/models/stone/predict", **told: str) -> Answer:
    headers = (
        {"Content-Type": "application/json"} | LATER | {name.replace("_", "-"): said for name, said in told.items()}
    )
    return server.ask("POST", path, body, headers)


def ended(server: Running, answer: Answer) -> Any:
    return server.get(f"{answer.headers['location']}?wait=30").json


def test_a_task_is_accepted_and_answered_later(server: Running) -> None:
    answer = submit(server)
    assert (answer.status, answer.headers["preference-applied"]) == (202, "respond-async")
    assert answer.headers["location"] == f"/v1/jobs/{answer.json['id']}" == answer.json["links"]["self"]
    assert (answer.json["verb"], answer.json["model"], answer.json["state"]) == ("predict", "stone", "queued")
    told = ended(server, answer)
    assert told["state"] == "succeeded"
    assert told["result"] | {"id": ""} == server.predict().json | {"id": ""}


def test_a_list_is_one_task_with_its_answers_in_order(server: Running) -> None:
    asked = [tiny.QUESTION | {"carat": weight} for weight in (2.0, 1.0, 0.5)]
    told = ended(server, submit(server, asked))
    assert [one["prediction"] for one in told["result"]] == [one["prediction"] for one in server.predict(asked).json]
    assert told["progress"] == {"stage": "", "done": 3, "total": 3}
    assert told["arguments"]["questions"] == 3


def test_a_version_that_is_named_answers(server: Running) -> None:
    told = ended(server, submit(server, path=f"/v1/models/stone/versions/{tiny.ROUGH}/predict"))
    assert (told["result"]["version"], told["arguments"]["version"]) == (tiny.ROUGH, tiny.ROUGH)


def test_the_exchange_and_the_answer_are_in_the_record(server: Running) -> None:
    answer = submit(server)
    ended(server, answer)
    kept = server.recorded(answer)
    assert (kept.status, kept.response) == (202, answer.body)
    (found,) = server.assay.predictions.page(Window(), exchange=answer.id).entries
    assert (found.role, found.model) == ("answer", "stone")


@pytest.mark.parametrize(
    ("body", "status"), [({"carat": -1}, 422), (b"{", 400), ([], 422), (tiny.QUESTION | {"more": 1}, 422), (b"", 400)]
)
def test_questions_are_read_strictly_before_anything_is_accepted(server: Running, body: Any, status: int) -> None:
    before = len(server.assay.jobs.page(Window(limit=1000)).entries)
    assert submit(server, body).status == status
    assert len(server.assay.jobs.page(Window(limit=1000)).entries) == before


def test_who_waits_is_answered_as_if_there_were_no_task(server: Running) -> None:
    answer = submit(server, Prefer="wait=30")
    assert (answer.status, answer.headers["preference-applied"]) == (200, "wait=30")
    assert answer.json | {"id": ""} == server.predict().json | {"id": ""}
    assert answer.headers["x-model-version"] == str(answer.json["version"])
    assert server.recorded(answer).response == answer.body


def test_who_has_waited_long_enough_is_told_where_the_answer_will_be(idle: Running) -> None:
    answer = submit(idle, Prefer="respond-async, wait=1")
    assert (answer.status, answer.headers["preference-applied"]) == (202, "respond-async, wait=1")
    assert answer.json["state"] == "queued"
    assert idle.recorded(answer).status == 202


def test_a_task_that_fails_while_somebody_waits_is_refused_as_its_answer_would_be(idle: Running) -> None:
    from assay.store.work.claiming import Ended

    def work() -> None:
        eventually(idle.assay.claiming.due)
        batch = claim(idle.assay.claiming)
        failed = Ended(id=batch.jobs[0].id, told="failed", code="model_timeout", error="The model did not answer.")
        idle.assay.claiming.finish(batch, [failed])

    thread = threading.Thread(target=work)
    thread.start()
    answer = submit(idle, Prefer="wait=30")
    thread.join()
    assert (answer.status, answer.json["code"]) == (504, "model_timeout")


def test_what_means_nothing_here_changes_nothing(server: Running) -> None:
    answer = submit(server, Prefer="return=minimal")
    assert answer.status == 200
    assert "preference-applied" not in answer.headers


def test_one_key_makes_one_task(server: Running) -> None:
    first, again = submit(server, Idempotency_Key="task-1"), submit(server, Idempotency_Key="task-1")
    assert (again.status, again.body) == (first.status, first.body)
    assert (again.headers["location"], again.headers["idempotent-replayed"]) == (first.headers["location"], "true")
    assert "idempotent-replayed" not in first.headers
    other = submit(server, tiny.QUESTION | {"carat": 2.0}, Idempotency_Key="task-1")
    assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")
    plain = server.predict(Idempotency_Key="task-1")
    assert (plain.status, plain.body) == (202, first.body)


def test_a_key_that_is_being_waited_with_is_in_flight(idle: Running) -> None:
    def wait() -> None:
        submit(idle, Prefer="wait=3", Idempotency_Key="flying")

    thread = threading.Thread(target=wait)
    thread.start()
    eventually(lambda: idle.assay.tasks.waiting(10) == 1)
    answer = submit(idle, Idempotency_Key="flying")
    thread.join()
    assert (answer.status, answer.json["code"]) == (409, "idempotency_in_progress")
    assert idle.assay.tasks.waiting(10) == 1


def test_whoever_repeats_after_a_crash_is_led_to_the_task_that_was_accepted(idle: Running) -> None:
    """A task that is waited for is durable before its exchange is: between the two the process may die."""
    from assay.store.record.recorder import Entry
    from assay.store.work.tasks import key_of, row_of
    from tests.asked import task

    body = json.dumps(tiny.QUESTION).encode()
    job, order = task(body, key=key_of("POST /v1/models/stone/predict crashed"))
    idle.assay.recorder.record([Entry(None, [], [row_of(job, order)])])
    other = submit(idle, tiny.QUESTION | {"carat": 2.0}, Idempotency_Key="crashed")
    assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")
    answer = submit(idle, body, Idempotency_Key="crashed")
    assert (answer.status, answer.json["id"]) == (202, job.id)
    assert submit(idle, body, Idempotency_Key="crashed").body == answer.body
    assert idle.assay.tasks.waiting(10) == 1


def test_beyond_what_may_wait_clients_are_told_to_come_again(idle: Running) -> None:
    answers = [submit(idle) for _ in range(5)]
    assert [answer.status for answer in answers] == [202] * 3 + [503] * 2
    assert (answers[-1].json["code"], answers[-1].headers["retry-after"]) == ("overloaded", "1")
    assert idle.assay.tasks.waiting(100) == 3


def test_a_webhook_is_looked_at_before_anything_is_accepted(server: Running) -> None:
    answer = submit(server, Webhook_URL="http://127.0.0.1/")
    assert (answer.status, answer.json["code"]) == (422, "webhook_rejected")
    good = submit(server, Webhook_URL="https://example.org/told")
    assert good.status == 202
    assert "example.org" not in good.body.decode()


def test_where_there_are_no_webhooks_none_is_accepted(idle: Running) -> None:
    answer = submit(idle, Webhook_URL="https://example.org/told")
    assert (answer.status, answer.json["code"]) == (422, "webhook_rejected")


def test_a_queued_task_is_canceled(idle: Running) -> None:
    answer = submit(idle)
    assert idle.ask("DELETE", answer.headers["location"]).json["state"] == "canceled"
    assert idle.assay.claiming.due() == []
