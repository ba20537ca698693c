"""The record over HTTP: every page once, in order, filtered, without doubling itself."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from assay.store.record.recorder import Entry
from assay.web.process import REMEMBERED_BYTES
from tests import rows, tiny
from tests.web.running import Running


def walk(server: Running, path: str) -> list[dict[str, Any]]:
    """Every result, following `next` to the end."""
    found: list[dict[str, Any]] = []
    following: str | None = path
    while following is not None:
        page = server.get(following)
        assert page.status == 200
        found += page.json["results"]
        following = page.json["next"]
        assert (f"<{following}>; rel=" in page.headers.get("link", "")) == (following is not None)
    return found


def test_the_log_of_exchanges_is_paged_from_the_newest_to_the_oldest_each_once(server: Running) -> None:
    asked = [server.predict().id for _ in range(23)]
    seen = [one["id"] for one in walk(server, "/v1/exchanges?limit=5&path=/v1/models/stone/predict&method=POST")]
    assert len(seen) == len(set(seen))
    assert sorted(seen, reverse=True) == seen
    assert set(asked) <= set(seen)


def test_an_exchange_shows_what_crossed_the_door(server: Running) -> None:
    answer = server.predict()
    shown = server.get(f"/v1/exchanges/{answer.id}").json
    assert (shown["status"], shown["path"]) == (200, "/v1/models/stone/predict")
    assert shown["response"] == answer.body.decode()
    assert shown["at"].endswith("Z")


def test_bytes_that_are_no_text_are_shown_as_base64(server: Running) -> None:
    answer = server.predict(b"\xff\xfe")
    shown = server.get(f"/v1/exchanges/{answer.id}").json
    assert base64.b64decode(shown["request"]["base64"]) == b"\xff\xfe"


def test_failures_are_in_the_log_too(server: Running) -> None:
    answer = server.predict(b"{")
    assert answer.id in [one["id"] for one in walk(server, "/v1/exchanges?status=400")]
    assert {one["status"] for one in walk(server, "/v1/exchanges?status=400")} == {400}


def test_predictions_are_listed_with_question_and_answer(server: Running) -> None:
    answer = server.predict([tiny.QUESTION, tiny.QUESTION])
    shown = walk(server, f"/v1/predictions?exchange={answer.id}&limit=1")
    assert [one["id"] for one in reversed(shown)] == [one["id"] for one in answer.json]
    assert (shown[0]["question"], shown[0]["answer"]) == (tiny.QUESTION, answer.json[1]["prediction"])
    assert server.get(f"/v1/predictions/{shown[0]['id']}").json == shown[0]


@pytest.mark.parametrize(
    ("query", "count"),
    [("model=stone&version=1", True), ("version=2", False), ("role=shadow", False), ("model=gem", False)],
)
def test_predictions_are_filtered(server: Running, query: str, count: bool) -> None:
    server.predict()
    assert bool(walk(server, f"/v1/predictions?{query}&limit=1000")) == count


@pytest.mark.parametrize("path", ["/v1/exchanges", "/v1/predictions"])
@pytest.mark.parametrize("query", ["limit=0", "limit=x", "cursor=x", "since=now", "unknown=1", "limit=1&limit=2"])
def test_what_is_no_page_is_refused(server: Running, path: str, query: str) -> None:
    assert server.get(f"{path}?{query}").status == (400 if query.startswith("cursor") else 422)


@pytest.mark.parametrize("path", ["/v1/exchanges", "/v1/predictions"])
@pytest.mark.parametrize("one", ["x", "f" * 32, "%00"])
def test_what_is_not_in_the_record_is_not_found(server: Running, path: str, one: str) -> None:
    assert server.get(f"{path}/{one}").status == 404


def test_reading_the_record_does_not_double_it(server: Running) -> None:
    long = b"x" * REMEMBERED_BYTES
    server.assay.recorder.record([Entry(rows.exchange_values(path="/long", response=long), []) for _ in range(3)])
    answer = server.get("/v1/exchanges?path=/long")
    kept = server.recorded(answer)
    assert len(answer.body) > 3 * REMEMBERED_BYTES
    assert (kept.response, kept.response_size) == (None, len(answer.body))
    assert kept.response_digest
    assert server.get(f"/v1/exchanges/{answer.id}").json["response"] is None
