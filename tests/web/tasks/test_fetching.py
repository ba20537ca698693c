"""One job is told the same by the quick way and by the control plane, and every look at it is recorded."""

from __future__ import annotations

import pytest

from assay.web.requests import Request
from assay.web.tasks.fetching import JobRoute
from tests import tiny
from tests.web.running import Running


def request(path: str, query: str = "", method: str = "GET") -> Request:
    scope = {"method": method, "path": path, "query_string": query.encode(), "headers": []}
    return Request(scope)


ID = "0123456789abcdef" * 2


@pytest.mark.parametrize("query", ["", "wait=0", "wait=5", "wait=60"])
def test_a_good_question_is_taken(query: str) -> None:
    assert JobRoute.takes(request(f"/v1/jobs/{ID}", query))


@pytest.mark.parametrize(
    ("path", "query", "method"),
    [
        (f"/v1/jobs/{ID}", "", "HEAD"), (f"/v1/jobs/{ID}", "", "DELETE"), ("/v1/jobs", "", "GET"), ("/v1/jobs/", "", "GET"),
        (f"/v1/jobs/{ID}/", "", "GET"), (f"/v1/jobs/{ID}x", "", "GET"), (f"/v1/jobs/{ID.upper()}", "", "GET"),
        (f"/v1/jobs/{ID}", "wait=61", "GET"), (f"/v1/jobs/{ID}", "wait=x", "GET"), (f"/v1/jobs/{ID}", "wait=1&wait=2", "GET"),
        (f"/v1/jobs/{ID}", "other=1", "GET"), (f"/v1/jobs/{ID}", "wait=", "GET"),
    ],
)  # fmt: skip
def test_everything_else_is_for_the_control_plane(path: str, query: str, method: str) -> None:
    assert not JobRoute.takes(request(path, query, method))


def test_both_ways_tell_the_same(server: Running) -> None:
    made = server.ask(
        "POST", "/v1/models/stone/predict", tiny.QUESTION, {"Content-Type": "application/json", "Prefer": "wait=30"}
    )
    assert made.status == 200
    (id,) = [one["id"] for one in server.get("/v1/jobs?limit=1").json["results"]]
    quick, usual = server.get(f"/v1/jobs/{id}"), server.get(f"/v1/jobs/{id}?wait=00")
    told = server.ask("HEAD", f"/v1/jobs/{id}")
    assert quick.json == usual.json
    alike = ("content-type", "cache-control", "content-length")
    assert [quick.headers[name] for name in alike] == [told.headers[name] for name in alike]
    assert server.recorded(quick).path == f"/v1/jobs/{id}"


def test_a_job_that_does_not_exist_is_a_refusal_that_is_recorded(server: Running) -> None:
    answer = server.get(f"/v1/jobs/{ID}?wait=5")
    assert (answer.status, answer.json["code"]) == (404, "job_not_found")
    assert server.recorded(answer).status == 404


def test_one_that_waits_is_told_where_it_stands(idle: Running) -> None:
    made = idle.ask(
        "POST",
        "/v1/models/stone/predict",
        tiny.QUESTION,
        {"Content-Type": "application/json", "Prefer": "respond-async"},
    )
    answer = idle.get(made.headers["location"] + "?wait=1")
    assert (answer.json["state"], answer.headers["retry-after"]) == ("queued", "1")
