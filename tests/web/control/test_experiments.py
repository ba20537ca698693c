"""An experiment over HTTP: it is begun, changed, looked at and stopped, and whatever breaks a rule changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests import tiny
from tests.web.running import Answer, Running, eventually

PATH = "/v1/models/stone/experiment"
HALVES = [{"version": tiny.LINEAR, "share": 0.5}, {"version": tiny.ROUGH, "share": 0.5}]


def begin(running: Running, **told: Any) -> Answer:
    answer = running.post(PATH, {"arms": HALVES} | told)
    assert answer.status == 201, answer.body
    eventually(lambda: running.process.shelf.find("stone").decision == answer.json["id"])
    return answer


def ask(running: Running, subject: str) -> Answer:
    return running.predict(**{"X-Assay-Subject": subject})


def test_an_experiment_from_its_beginning_to_its_end(own_server: Running) -> None:
    begun = begin(own_server, name="checkout", reason="to see it")
    assert (begun.json["experiment"], begun.json["by"], begun.json["reason"]) == ("checkout", "HTTP", "to see it")
    assert begun.json["arms"] == HALVES
    first = {subject: ask(own_server, subject).json["version"] for subject in map(str, range(40))}
    assert set(first.values()) == {tiny.LINEAR, tiny.ROUGH}

    found = own_server.get(PATH).json
    assert (found["experiment"], found["main"], found["until"], found["metric"]) == ("checkout", 1, None, "mae")
    assert {one["version"]: one["asks"] for one in found["arms"]} == {
        number: list(first.values()).count(number) for number in (1, 2)
    }
    assert found["since"] == begun.json["at"]

    shares = [{"version": 2, "share": 0.3}, {"version": 1, "share": 0.7}]
    changed = own_server.ask("PATCH", PATH, {"arms": shares}, {"Content-Type": "application/json"})
    assert (changed.status, changed.json["arms"]) == (200, shares[::-1])
    eventually(lambda: own_server.process.shelf.find("stone").decision == changed.json["id"])
    again = {subject: ask(own_server, subject).json["version"] for subject in first}
    assert {(first[one], again[one]) for one in first} <= {(1, 1), (2, 2), (2, 1)}

    stopped = own_server.ask("DELETE", f"{PATH}?winner=2&reason=it+was+better")
    assert (stopped.status, stopped.json["version"], stopped.json["arms"]) == (200, 2, [])
    assert stopped.json["reason"] == "version 2 won: it was better; ends the experiment checkout"
    eventually(lambda: own_server.process.shelf.find("stone").decision == stopped.json["id"])
    assert {ask(own_server, subject).json["version"] for subject in first} == {2}
    over = own_server.get(f"{PATH}?experiment=checkout").json
    assert (over["until"], over["since"]) == (stopped.json["at"], changed.json["at"])


def test_who_answers_is_told_with_the_arms(own_server: Running) -> None:
    begin(own_server, name="checkout")
    told = own_server.get("/v1/models/stone/rollout").json
    assert (told["champion"], told["experiment"], told["arms"], told["shadows"]) == (1, "checkout", HALVES, [])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "experiment_invalid"),
        ({"arms": HALVES[:1]}, 422, "experiment_invalid"),
        ({"arms": [*HALVES, {"version": 9, "share": 0.1}]}, 422, "experiment_invalid"),
        ({"arms": HALVES, "name": "a b"}, 422, "experiment_invalid"),
        ({"arms": HALVES, "mode": "some"}, 422, "invalid"),
        ({"arms": HALVES, "more": 1}, 422, "unknown_feature"),
        ({"arms": [{"version": 1, "share": 0.5, "color": "E"}, HALVES[1]]}, 422, "unknown_feature"),
        ({"arms": [{"version": "1", "share": 0.5}, HALVES[1]]}, 422, "invalid"),
        ({"arms": HALVES, "reason": "a\u0007"}, 422, "invalid"),
        ({"arms": [HALVES[0], {"version": tiny.BROKEN, "share": 0.5}]}, 409, "version_rejected"),
        ({"arms": [HALVES[0], {"version": 99, "share": 0.5}]}, 404, "version_not_found"),
        (b"{", 400, "malformed_json"),
        (b'{"arms": [{"version": 1, "share": NaN}]}', 400, "malformed_json"),
    ],
)
def test_a_plan_that_breaks_a_rule_is_refused(server: Running, body: Any, status: int, code: str) -> None:
    answer = server.post(PATH, body)
    assert (answer.status, answer.json["code"]) == (status, code), answer.body
    assert server.assay.ruling("stone").experiment is None


def test_without_an_experiment_there_is_none(server: Running) -> None:
    for answer in (
        server.get(PATH), server.ask("DELETE", PATH), server.get(f"{PATH}?experiment=checkout"),
        server.ask("PATCH", PATH, {"arms": HALVES}, {"Content-Type": "application/json"}),
    ):  # fmt: skip
        assert (answer.status, answer.json["code"]) == (404, "experiment_not_found")


def test_a_second_one_waits_for_the_end_of_the_first(own_server: Running) -> None:
    begin(own_server, name="checkout")
    answer = own_server.post(PATH, {"arms": HALVES})
    assert (answer.status, answer.json["code"]) == (409, "experiment_running")
    assert "retry-after" not in answer.headers
    answer = own_server.ask("DELETE", f"{PATH}?winner=3")
    assert (answer.status, answer.json["code"]) == (422, "experiment_invalid")


def test_what_is_asked_wrongly_is_told(server: Running) -> None:
    assert server.get(f"{PATH}?x=1").status == 422
    assert server.ask("DELETE", f"{PATH}?winner=first").status == 422
    assert server.get("/v1/models/nothing/experiment").status == 404
    assert server.post("/v1/models/nothing/experiment", {"arms": HALVES}).status == 404
    answer = server.ask("POST", PATH, json.dumps({"arms": HALVES}).encode(), {"Content-Type": "text/plain"})
    assert answer.status == 415
    answer = server.ask("PATCH", PATH, json.dumps({"arms": HALVES}).encode(), {"Content-Type": "text/plain"})
    assert answer.status == 415
    assert server.post(PATH, b'{"arms": [' + b" " * 70_000 + b"]}").status == 413
