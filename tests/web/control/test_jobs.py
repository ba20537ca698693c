"""Jobs over HTTP: listed, waited for, canceled and tried again, with nothing internal shown."""

from __future__ import annotations

import threading
import time
from typing import Any

import msgspec
import pytest

from assay.domain.job import Job
from assay.web.control.jobs import accepted
from tests import chores
from tests.web.running import Running

INTERNAL = {"token", "worker", "lease_until", "lease_boot", "key"}


def queued(server: Running, **told: Any) -> Job:
    return server.assay.jobs.add(chores.chore(**told))


def begun(server: Running, **told: Any) -> Job:
    made = queued(server, priority=9, **told)
    job = server.assay.jobs.claim("a-worker/4711", chores.VERBS, 60)
    assert job is not None
    assert job.id == made.id
    return job


def finish(server: Running, job: Job, **outcome: Any) -> None:
    with server.assay.database.writing() as connection:
        server.assay.jobs.finish(connection, job.id, job.token or "", **({"state": "succeeded"} | outcome))


def test_a_queued_job_is_shown_with_where_to_ask_again(server: Running) -> None:
    made = queued(server, model="stone", by="a test")
    answer = server.get(f"/v1/jobs/{made.id}")
    assert (answer.status, answer.headers["retry-after"]) == (200, "1")
    assert answer.json == {
        "id": made.id, "verb": "chore", "model": "stone", "state": "queued", "attempts": 0, "max_attempts": 3,
        "cancel_requested": False, "progress": {"stage": "", "done": 0, "total": 0}, "created_at": answer.json["created_at"],
        "started_at": None, "finished_at": None, "arguments": {"do": "sleep"}, "result": None, "error": None, "log": "",
        "links": {"self": f"/v1/jobs/{made.id}"},
    }  # fmt: skip


def test_a_running_job_says_how_far_it_is_and_nothing_internal(server: Running) -> None:
    job = begun(server)
    server.assay.jobs.report(job.id, job.token or "", stage="fitting", done=2, total=5, line="hello")
    answer = server.get(f"/v1/jobs/{job.id}")
    assert (answer.json["state"], answer.json["attempts"], answer.json["log"]) == ("running", 1, "hello")
    assert answer.json["progress"] == {"stage": "fitting", "done": 2, "total": 5}
    assert not INTERNAL & set(answer.json)
    assert (job.token or "?") not in answer.body.decode()
    assert "4711" not in answer.body.decode()


def test_an_ended_job_has_its_result_and_nothing_to_wait_for(server: Running) -> None:
    job = begun(server)
    finish(server, job, result={"versions": [1, 2]})
    answer = server.get(f"/v1/jobs/{job.id}")
    assert "retry-after" not in answer.headers
    assert (answer.json["state"], answer.json["result"], answer.json["error"]) == (
        "succeeded",
        {"versions": [1, 2]},
        None,
    )
    assert answer.json["finished_at"] >= answer.json["started_at"] >= answer.json["created_at"]


def test_a_failed_job_says_why_and_what_its_process_said_stays_here(server: Running) -> None:
    job = begun(server, max_attempts=1)
    said = 'Traceback (most recent call last):\n  File "/secret/place.py", line 1'
    server.assay.jobs.lost(job.id, job.token or "", "ended with status 1", said)
    answer = server.get(f"/v1/jobs/{job.id}")
    told = {"code": "worker_lost", "detail": "its worker was lost once, the last one ended with status 1"}
    assert answer.json["error"] == told
    assert answer.json["log"] == "attempt 1: ended with status 1"
    assert b"secret" not in answer.body
    assert "secret" in server.assay.jobs.find(job.id).log


def test_waiting_ends_with_the_job(server: Running) -> None:
    job = begun(server)
    later = threading.Timer(0.6, finish, (server, job))
    later.start()
    since = time.monotonic()
    answer = server.get(f"/v1/jobs/{job.id}?wait=30")
    assert 0.5 < time.monotonic() - since < 20
    assert answer.json["state"] == "succeeded"
    later.join()


def test_waiting_ends_after_its_time(server: Running) -> None:
    made = queued(server)
    since = time.monotonic()
    answer = server.get(f"/v1/jobs/{made.id}?wait=1")
    assert time.monotonic() - since >= 1
    assert (answer.status, answer.json["state"], answer.headers["retry-after"]) == (200, "queued", "1")


def test_many_may_wait_while_others_are_answered(server: Running) -> None:
    made = queued(server)
    waiting = [threading.Thread(target=server.get, args=(f"/v1/jobs/{made.id}?wait=3",)) for _ in range(60)]
    for thread in waiting:
        thread.start()
    time.sleep(0.3)
    assert server.predict().status == 200
    assert any(thread.is_alive() for thread in waiting), "nobody waited any more"
    server.assay.jobs.cancel(made.id, "test")
    for thread in waiting:
        thread.join()


@pytest.mark.parametrize("wait", ["61", "-1", "x", "1.5", ""])
def test_a_wait_is_from_0_to_60_seconds(server: Running, wait: str) -> None:
    made = queued(server)
    assert server.get(f"/v1/jobs/{made.id}?wait={wait}").status == 422


@pytest.mark.parametrize(("method", "end"), [("POST", "/cancel"), ("DELETE", "")])
def test_a_queued_job_is_canceled_at_once(server: Running, method: str, end: str) -> None:
    made = queued(server)
    answer = server.ask(method, f"/v1/jobs/{made.id}{end}")
    assert (answer.status, answer.json["state"]) == (200, "canceled")
    again = server.ask(method, f"/v1/jobs/{made.id}{end}")
    assert (again.status, again.json["code"]) == (409, "job_ended")
    assert "retry-after" not in again.headers, "waiting changes nothing"


@pytest.mark.parametrize(("method", "end"), [("POST", "/cancel"), ("DELETE", "")])
def test_a_running_job_is_canceled_as_soon_as_its_worker_can(server: Running, method: str, end: str) -> None:
    job = begun(server)
    for _ in range(2):
        answer = server.ask(method, f"/v1/jobs/{job.id}{end}")
        assert (answer.status, answer.json["state"], answer.json["cancel_requested"]) == (202, "running", True)
        assert answer.headers["location"] == f"/v1/jobs/{job.id}"
    server.assay.jobs.lost(job.id, job.token or "", "ended by signal 15")
    assert server.get(f"/v1/jobs/{job.id}").json["state"] == "canceled"


def test_a_canceled_job_is_tried_again(server: Running) -> None:
    made = queued(server)
    server.ask("DELETE", f"/v1/jobs/{made.id}")
    answer = server.ask("POST", f"/v1/jobs/{made.id}/retry")
    assert (answer.status, answer.json["state"], answer.json["status"]) == (202, "queued", "queued")
    refused = server.ask("POST", f"/v1/jobs/{made.id}/retry")
    assert (refused.status, refused.json["code"]) == (409, "job_not_failed")


@pytest.mark.parametrize("id", ["x", "f" * 32, "%00", "é" * 300])
def test_a_job_that_is_not_there_is_not_found(server: Running, id: str) -> None:
    from urllib.parse import quote

    for method, end in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry")):
        answer = server.ask(method, f"/v1/jobs/{id if '%' in id else quote(id)}{end}")
        assert (answer.status, answer.json["code"]) == (404, "job_not_found")


def test_jobs_are_listed_from_the_newest_on_page_by_page(server: Running) -> None:
    made = [queued(server, model="listed").id for _ in range(5)]
    path, seen = "/v1/jobs?model=listed&limit=2", list[str]()
    while path:
        page = server.get(path)
        seen += [one["id"] for one in page.json["results"]]
        path = page.json["next"]
    assert [one for one in seen if one in made] == made[::-1]


def test_jobs_are_chosen_by_state_and_verb(server: Running) -> None:
    made = queued(server, model="chosen")
    for query, found in (
        ("state=queued", True),
        ("state=failed", False),
        ("state=failed,queued", True),
        ("verb=chore", True),
        ("verb=train", False),
    ):
        listed = [one["id"] for one in server.get(f"/v1/jobs?model=chosen&{query}").json["results"]]
        assert (made.id in listed) == found


@pytest.mark.parametrize(
    "query",
    ["state=done", "state=queued,done", "state=", "limit=0", "unknown=1", "state=queued&state=failed", "since=now"],
)
def test_a_list_that_cannot_be_is_refused(server: Running, query: str) -> None:
    answer = server.get(f"/v1/jobs?{query}")
    assert (answer.status, answer.json["code"]) == (422, "invalid_parameter")


def test_other_routes_accept_a_job_in_the_same_words() -> None:
    made = chores.chore()
    answer = accepted(made)
    told = msgspec.json.decode(bytes(answer.body))
    assert (answer.status_code, answer.headers["location"], answer.headers["retry-after"]) == (
        202,
        f"/v1/jobs/{made.id}",
        "1",
    )
    assert (told["task_id"], told["status"], told["links"]) == (made.id, "queued", {"self": f"/v1/jobs/{made.id}"})


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("data_invalid", "/srv/secret/rows.csv: there is no such file, folder or match."),
        ("application_invalid", "model.py cannot be imported: RuntimeError: postgres://u:secret@h"),
        ("internal", "FileNotFoundError: '/etc/secret/token'"),
        ("artifact_rejected", "The file /home/secret/ab is damaged."),
    ],
)
def test_an_error_tells_the_network_no_folder_and_no_text_of_the_authors(
    server: Running, code: str, error: str
) -> None:
    job = begun(server)
    server.assay.jobs.report(job.id, job.token or "", line=f"left out: {error}" if code == "data_invalid" else "begun")
    finish(server, job, state="failed", code=code, error=error)
    answer = server.get(f"/v1/jobs/{job.id}")
    assert b"secret" not in answer.body
    assert answer.json["error"]["code"] == code
    assert answer.json["error"]["detail"]
    assert "secret" in server.assay.jobs.find(job.id).error
