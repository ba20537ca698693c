"""The express lane answers ordinary questions exactly as the door does, and leaves everything else to it."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from assay.domain.releases.rollout import Arm
from assay.releasing.experiment import Plan
from assay.web.express import Express
from tests import tiny
from tests.web.running import Answer, Running, eventually, serving

URL = b"/v1/models/stone/predict"
HEADERS = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"user-agent", b"x")]


def express(server: Running) -> Express:
    return Express(server.process.shelf, server.process.settings, server.port)


@pytest.mark.parametrize(
    "more",
    [
        [], [(b"accept", b"*/*")], [(b"connection", b"keep-alive")], [(b"x-anything", b"1")],
        [(b"x-assay-subject", b"user 7")],
    ],
)  # fmt: skip
def test_an_ordinary_head_is_taken(server: Running, more: list[tuple[bytes, bytes]]) -> None:
    assert express(server).served(URL, HEADERS + more) is server.process.shelf.find("stone")


@pytest.mark.parametrize(
    "more",
    [
        [(b"accept", b"text/html")], [(b"idempotency-key", b"k")], [(b"content-encoding", b"gzip")],
        [(b"transfer-encoding", b"chunked")], [(b"expect", b"100-continue")], [(b"connection", b"close")],
        [(b"authorization", b"x")], [(b"upgrade", b"websocket")], [(b"content-type", b"text/plain")], [(b"host", b"evil")],
        [(b"x-assay-subject", b"")], [(b"x-assay-subject", b"\xff")], [(b"x-assay-subject", b"x" * 257)],
    ],
)  # fmt: skip
def test_a_head_that_needs_judgement_is_left_to_the_door(server: Running, more: list[tuple[bytes, bytes]]) -> None:
    assert express(server).served(URL, HEADERS + more) is None


@pytest.mark.parametrize(
    "url", [b"/v1/models/nothing/predict", URL + b"?x=1", URL + b"/", b"/v1/models/stone/versions/1/predict", b"/"]
)
def test_another_address_is_left_to_the_door(server: Running, url: bytes) -> None:
    assert express(server).served(url, HEADERS) is None


def test_a_body_without_a_type_is_left_to_the_door(server: Running) -> None:
    assert express(server).served(URL, HEADERS[:1]) is None


def comparable(answer: Answer) -> tuple[int, list[str], Any]:
    """All of an answer but its ids and its time."""
    named = sorted(name for name in answer.headers if name not in ("date", "connection"))
    body = answer.json
    for one in body if isinstance(body, list) else [body]:
        one.pop("id", None)
        one.pop("instance", None)
    return answer.status, named, body


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(tiny.QUESTION).encode(), json.dumps([tiny.QUESTION] * 3).encode(), b"{", b"[]", b"{}", b"",
        json.dumps(tiny.QUESTION | {"cut": "Great"}).encode(), json.dumps(tiny.QUESTION | {"carat": 0}).encode(),
        b"[" + json.dumps(tiny.QUESTION).encode() + b" " * 100_000 + b"]",
    ],
)  # fmt: skip
def test_both_ways_give_the_same_answer_and_the_same_record(server: Running, body: bytes) -> None:
    fast, usual = server.predict(body), server.predict(body, Accept="application/json, text/html")
    assert comparable(fast) == comparable(usual)
    one, other = server.recorded(fast), server.recorded(usual)
    assert (one.request, one.status, one.path, one.method, one.query, one.replay_of) == (
        other.request, other.status, other.path, other.method, other.query, other.replay_of,
    )  # fmt: skip
    assert one.response == fast.body


@pytest.mark.parametrize("blanks", [100, 20_000, 40_000, 60_000, 200_000])
@pytest.mark.parametrize("pieces", [1, 7])
def test_a_long_question_is_taken_however_it_comes(server: Running, blanks: int, pieces: int) -> None:
    body = json.dumps(tiny.QUESTION).encode() + b" " * blanks
    head = b"POST /v1/models/stone/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    asked = head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    size = len(asked) // pieces + 1
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as made:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(asked), size):
            made.sendall(asked[start : start + size])
            time.sleep(0.02)
        assert made.recv(15) == b"HTTP/1.1 200 OK"


def test_requests_of_both_kinds_take_turns_on_one_connection(server: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    body = json.dumps(tiny.QUESTION)
    for turn in range(30):
        told = {"Content-Type": "application/json"} | ({"Accept": "text/html, */*"} if turn % 3 == 1 else {})
        connection.request("POST", URL.decode(), body if turn % 5 else "{", told)
        response = connection.getresponse()
        assert response.status == (200 if turn % 5 else 400)
        response.read()
    connection.close()


def test_once_answers_are_the_last_of_their_connection_they_say_so(own_server: Running) -> None:
    made = express(own_server)
    model = own_server.process.shelf.find("stone")
    body, asks = json.dumps(tiny.QUESTION).encode(), []

    async def take() -> None:
        ask = made.take(model, body, lambda _: None)
        assert ask is not None
        asks.append(ask.keep_alive)

    for _ in range(2):
        asyncio.run_coroutine_threadsafe(take(), own_server.loop).result(10)
        made.make_answers_last()
    assert asks == [True, False]


# ---- experiments


@pytest.fixture(scope="module")
def trying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server on which an experiment runs."""
    with serving(tmp_path_factory.mktemp("trying") / "home") as running:
        arms = (Arm(version=tiny.LINEAR, share=0.5), Arm(version=tiny.ROUGH, share=0.5))
        running.assay.experimenter.start("stone", Plan(arms=arms, name="checkout"), by="a test")
        eventually(lambda: running.process.shelf.find("stone").draw is not None)
        yield running


def arm(running: Running, subject: str) -> int:
    return running.assay.ruling("stone").choose(subject)


@pytest.mark.parametrize("subject", ["", "user 7", "user 8", "üser"])
@pytest.mark.parametrize("way", [{}, {"Accept": "application/json, text/html"}], ids=["express", "door"])
def test_both_ways_ask_the_arm_of_the_subject(trying: Running, way: dict[str, str], subject: str) -> None:
    for carat in range(1, 9):
        body = json.dumps(tiny.QUESTION | {"carat": carat})
        named = {"X-Assay-Subject": subject.encode().decode("latin-1")} if subject else {}
        answer = trying.predict(body.encode(), **way, **named)
        version = arm(trying, subject or body)
        assert (answer.json["version"], answer.headers["x-model-version"]) == (version, str(version))
        assert answer.headers["x-model-variant"] == f"checkout/{version}"
        kept = trying.assay.predictions.find(answer.json["id"])
        assert kept is not None
        assert (kept.version, kept.experiment) == (version, "checkout")


def test_a_list_is_answered_by_one_version(trying: Running) -> None:
    for weight in range(1, 7):
        questions = [tiny.QUESTION | {"carat": weight + one / 10} for one in range(9)]
        body = json.dumps(questions)
        answer = trying.predict(body.encode())
        assert {one["version"] for one in answer.json} == {arm(trying, body)}


@pytest.mark.parametrize("told", [b"", b"x" * 257, b"\xff"])
@pytest.mark.parametrize("experiment", [False, True], ids=["none runs", "one runs"])
def test_a_bad_subject_is_refused_whether_an_experiment_runs_or_not(
    server: Running, trying: Running, told: bytes, experiment: bool
) -> None:
    answer = (trying if experiment else server).predict(**{"X-Assay-Subject": told.decode("latin-1")})
    assert (answer.status, answer.json["code"]) == (400, "bad_subject")


def test_without_an_experiment_a_subject_changes_nothing(server: Running) -> None:
    answer = server.predict(**{"X-Assay-Subject": "user 7"})
    assert (answer.status, answer.json["version"]) == (200, tiny.LINEAR)
    assert "x-model-variant" not in answer.headers
    kept = server.assay.predictions.find(answer.json["id"])
    assert kept is not None
    assert kept.experiment is None


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[]", b"{}", json.dumps(tiny.QUESTION | {"carat": 0}).encode()])
def test_what_is_wrong_is_refused_as_ever(server: Running, trying: Running, body: bytes) -> None:
    one, other = server.predict(body), trying.predict(body)
    assert comparable(one) == comparable(other)


def test_who_asks_by_number_takes_no_part(trying: Running) -> None:
    for number in (tiny.LINEAR, tiny.ROUGH):
        answer = trying.post(f"/v1/models/stone/versions/{number}/predict", tiny.QUESTION)
        assert answer.json["version"] == number
        assert "x-model-variant" not in answer.headers
        kept = trying.assay.predictions.find(answer.json["id"])
        assert kept is not None
        assert kept.experiment is None


def test_once_answers_are_the_last_those_of_arms_say_so_too(trying: Running) -> None:
    made, model = express(trying), trying.process.shelf.find("stone")
    body, asks = json.dumps(tiny.QUESTION).encode(), []

    async def take() -> None:
        assert made.take(model, body, lambda _: None) is None
        ask = made.draw(model, body, [], lambda _: None)
        assert ask is not None
        asks.append(ask.keep_alive)

    for _ in range(2):
        asyncio.run_coroutine_threadsafe(take(), trying.loop).result(10)
        made.make_answers_last()
    assert asks == [True, False]
