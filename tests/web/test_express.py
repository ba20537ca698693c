"""The express lane answers ordinary questions exactly as the door does, and leaves everything else to it."""

from __future__ import annotations

import asyncio
import http.client
import json
from typing import Any

import pytest

from assay.web.express import Express
from tests import tiny
from tests.web.running import Answer, Running

URL = b"/v1/models/stone/predict"
HEADERS = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"user-agent", b"x")]


def express(server: Running) -> Express:
    return Express(server.process.shelf, server.process.settings, server.port)


@pytest.mark.parametrize("more", [[], [(b"accept", b"*/*")], [(b"connection", b"keep-alive")], [(b"x-anything", b"1")]])
def test_an_ordinary_head_is_taken(server: Running, more: list[tuple[bytes, bytes]]) -> None:
    assert express(server).served(URL, HEADERS + more) is server.process.shelf.find("stone")


@pytest.mark.parametrize(
    "more",
    [
        [(b"accept", b"text/html")], [(b"idempotency-key", b"k")], [(b"content-encoding", b"gzip")],
        [(b"transfer-encoding", b"chunked")], [(b"expect", b"100-continue")], [(b"connection", b"close")],
        [(b"authorization", b"x")], [(b"upgrade", b"websocket")], [(b"content-type", b"text/plain")], [(b"host", b"evil")],
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
