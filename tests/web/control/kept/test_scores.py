"""What was said of an item is told over HTTP: what stands, what stood, and its history, narrowed as it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import update

from assay.app.items.sweeping import Sweeping
from assay.clock import iso, now_us
from assay.store.items.items import items
from tests import stamped
from tests.web.running import Answer, Running, serving

PATH = f"/v1/items/{stamped.COLLECTION}"
WAITING, DEEP = 7, "deep/ä ☃.wav"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Items 0 to 4 by versions 1 and 2, of which the second stands; one whose bytes are gone, and one that waits."""
    home: Path = tmp_path_factory.mktemp("scored") / "home"
    with serving(home, opened=stamped.opened) as running:
        assay = running.assay
        gone = stamped.keep(assay, range(6), seconds=3)[5]
        with assay.database.writing() as connection:
            connection.execute(update(items).where(items.c.name == stamped.name(4)).values(name=DEEP))
        assay.artifacts.path(gone.digest).unlink()
        for version in (1, 2):
            stamped.rule(assay, version)
            Sweeping(assay, stamped.MODEL, stamped.Noted(), budget_s=60).run()
        stamped.keep(assay, [WAITING])
        yield running


def get(server: Running, place: int | str = 1, query: str = "", what: str = "scores") -> Answer:
    name = place if isinstance(place, str) else stamped.name(place)
    return server.get(f"{PATH}/{quote(name)}/{what}{'?' * bool(query)}{query}")


def told(server: Running, query: str = "") -> Any:
    answer = get(server, query=query)
    assert answer.status == 200, answer.body
    return answer.json["results"]


def test_the_set_that_stands_is_told_whole_with_the_version_that_made_it(server: Running) -> None:
    answer = get(server)
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json
    assert (found["name"], found["collection"], found["status"]) == (stamped.name(1), stamped.COLLECTION, "scored")
    assert (found["duration"], found["duration_seconds"], found["failing"]) == (3, 3.0, [])
    (one,) = found["results"]
    assert (one["model"], one["version"], one["run"], one["decision"], one["seconds"]) == ("notes", 2, 0, 2, 3)
    assert len(one["confidences"]) == 3 * len(one["labels"])
    first, second = one["confidences"][:2]
    assert first == {"label": "low", "second": 0, "confidence": round(stamped.stamp(2), 6)}
    assert second["confidence"] == pytest.approx(stamped.loudness(1), abs=1e-3)
    assert one["scored_at"].endswith("Z")
    assert one["took_ms"] > 0


def test_an_item_that_waits_and_one_that_fails_say_so(server: Running) -> None:
    waiting, failing = get(server, WAITING), get(server, 5)
    assert (waiting.status, waiting.json["status"], waiting.json["results"]) == (200, "waiting", [])
    assert (failing.status, failing.json["status"], failing.json["results"]) == (200, "failing", [])
    newest, oldest = failing.json["failing"]
    assert (newest["version"], oldest["version"], newest["code"]) == (2, 1, "artifact_rejected")
    assert newest["error"] == "A file of the version is missing, damaged, or not what it says."
    assert newest["attempts"] == 1
    assert newest["retry_at"] > newest["failed_at"]


def test_any_name_is_found(server: Running) -> None:
    assert get(server, DEEP).json["name"] == DEEP
    assert (
        get(server, DEEP, "limit=1", "history").json["next"].startswith(f"{PATH}/deep/%C3%A4%20%E2%98%83.wav/history?")
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("label=middle&to_s=1", [("middle", 0)]),
        ("min_confidence=0.04&from_s=1&to_s=2", [("middle", 1)]),
        ("min_confidence=1", []),
        ("from_s=2&label=low", [("low", 2)]),
    ],
)
def test_what_is_asked_for_narrows_it(server: Running, query: str, expected: Any) -> None:
    (one,) = told(server, query)
    assert [(each["label"], each["second"]) for each in one["confidences"]] == expected
    assert one["seconds"] == 3


def test_other_versions_and_times_are_told(server: Running) -> None:
    (first,) = told(server, "version=1")
    assert (first["version"], first["decision"]) == (1, None)
    assert first["confidences"][0]["confidence"] == round(stamped.stamp(1), 6)
    assert [one["version"] for one in told(server, "version=all")] == [2, 1]
    assert [one["version"] for one in told(server, f"version=all&model={stamped.MODEL}&run=0")] == [2, 1]
    assert told(server, "version=3") == []
    assert [one["version"] for one in told(server, f"as_of={iso(now_us())}")] == [2]
    made = get(server, what="history").json["results"][-1]
    assert told(server, f"as_of={made['scored_at']}")[0]["version"] == 1
    assert get(server, query="as_of=2001-01-01T00:00:00Z").status == 404


def test_sets_come_page_by_page(server: Running) -> None:
    first = get(server, query="version=all&limit=1")
    following = first.json["next"]
    assert first.headers["link"] == f'<{following}>; rel="next"'
    second = server.get(following)
    assert [one["version"] for one in first.json["results"] + second.json["results"]] == [2, 1]
    assert second.json["next"] is None


def test_a_history_is_told_in_brief(server: Running) -> None:
    answer = get(server, what="history")
    assert [(one["version"], one["stands"]) for one in answer.json["results"]] == [(2, True), (1, False)]
    assert answer.json["results"][0].keys() == {
        "id", "item", "model", "version", "run", "scored_at", "took_ms", "seconds", "stands"
    }  # fmt: skip
    page = get(server, query="limit=1&model=notes", what="history").json
    assert [one["version"] for one in server.get(page["next"]).json["results"]] == [1]
    assert get(server, query="until=2001-01-01T00:00:00Z", what="history").json["results"] == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("versions=1", "versions"), ("version=0", "version"), ("version=latest", "version"), ("label=nothing", "label"),
        ("min_confidence=1.1", "min_confidence"), ("min_confidence=-1", "min_confidence"), ("from_s=nan", "from_s"),
        ("from_s=2&to_s=2", "to_s"), ("to_s=1e3", "to_s"), ("as_of=yesterday", "as_of"), ("run=x", "run"),
        ("as_of=2026-03-03T12:00:00Z&version=1", "as_of"), ("limit=0", "limit"), ("label=low&label=low", "label"),
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_is_refused(server: Running, query: str, parameter: str) -> None:
    answer = get(server, query=query)
    assert (answer.status, answer.json["code"]) == (422, "invalid_parameter")
    assert answer.json["errors"][0]["pointer"] == parameter


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{PATH}/nothing/scores", "item_not_found"), ("/v1/items/nothing/x/scores", "collection_not_found"),
        (f"{PATH}/{stamped.name(1)}/scores?model=nothing", "model_not_found"), (f"{PATH}/nothing/history", "item_not_found"),
        (f"{PATH}/{stamped.name(1)}/history?model=nothing", "model_not_found"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(server: Running, path: str, code: str) -> None:
    answer = server.get(path)
    assert (answer.status, answer.json["code"]) == (404, code)


def test_a_cursor_that_is_none_is_refused(server: Running) -> None:
    assert get(server, query="cursor=x").json["code"] == get(server, query="cursor=x", what="history").json["code"]


def test_the_documentation_knows_the_parameters(server: Running) -> None:
    paths = server.get("/openapi.json").json["paths"]
    known = {one["name"] for one in paths["/v1/items/{collection}/{name}/scores"]["get"]["parameters"]}
    assert known >= {"collection", "name", "model", "version", "min_confidence", "as_of"}
    assert all(one.get("description") for one in paths["/v1/items/{collection}/{name}/history"]["get"]["parameters"])
