"""Collections and their items are listed page by page, told one by one, and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from assay.domain.items.refusal import Refusal
from assay.errors import BadCursor
from assay.store.items import refusals
from assay.web.control.kept.items import cursor_of, read_cursor
from tests import waves
from tests.web.items.conftest import untrained
from tests.web.running import Running, serving

NAMES = ["a.wav", "b/1.wav", "b/2.wav", "c ☃.wav"]
PATH = "/v1/items/files"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home: Path = tmp_path_factory.mktemp("kept") / "home"
    with serving(home, opened=untrained) as running:
        for place, name in enumerate(NAMES):
            assert running.ask("PUT", f"/files/{quote(name)}", waves.wav(2 + place / 10), {}).status == 201
        told: dict[str, Any] = {
            "collection": "files",
            "place": "1 2",
            "at": 0,
            "code": "empty",
            "error": "It is empty.",
        }
        with running.assay.database.writing() as connection:
            for name in ("x.wav", "y.wav"):
                refusals.put(connection, Refusal(name=name, **told))
        yield running


def test_each_collection_is_told_with_its_counts(kept: Running) -> None:
    assert kept.get("/v1/items").json["results"] == [
        {"name": "files", "models": ["notes"], "items": 4, "refused": 2, "longest_seconds": 600.0}
    ]
    assert kept.get("/v1/items?x=1").status == 422


def test_items_are_listed_by_name_page_by_page(kept: Running) -> None:
    first = kept.get(f"{PATH}?limit=3")
    assert [one["name"] for one in first.json["results"]] == NAMES[:3]
    assert first.headers["link"] == f'<{first.json["next"]}>; rel="next"'
    second = kept.get(first.json["next"])
    assert [one["name"] for one in second.json["results"]] == NAMES[3:]
    assert (second.json["next"], second.json["next_cursor"]) == (None, None)
    assert [one["name"] for one in kept.get(f"{PATH}?prefix=b/").json["results"]] == NAMES[1:3]
    assert kept.get(f"{PATH}?limit=4").json["next"] is None


def test_what_was_refused_is_listed_with_the_reason(kept: Running) -> None:
    first = kept.get(f"{PATH}?state=refused&limit=1")
    (told,) = first.json["results"]
    assert told == {"name": "x.wav", "code": "empty", "error": "It is empty.", "at": "1970-01-01T00:00:00.000000Z"}
    assert [one["name"] for one in kept.get(first.json["next"]).json["results"]] == ["y.wav"]


@pytest.mark.parametrize(
    ("query", "code"),
    [("limit=0", "invalid_parameter"), ("limit=1001", "invalid_parameter"), ("cursor=!", "bad_cursor"),
     ("state=lost", "invalid_parameter"), ("state=refused&prefix=a", "invalid_parameter"), ("since=2026", "invalid_parameter")],
)  # fmt: skip
def test_a_parameter_is_within_its_rule(kept: Running, query: str, code: str) -> None:
    assert kept.get(f"{PATH}?{query}").json["code"] == code


def test_one_item_is_told_in_full(kept: Running) -> None:
    told = kept.get(f"{PATH}/{quote(NAMES[3])}").json
    assert (told["name"], told["duration"], told["duration_seconds"]) == (NAMES[3], 2, 2.3)
    assert (told["rate"], told["channels"], told["notes"], told["origin"]) == (8_000, 1, [], "upload")
    for path in (f"{PATH}/other", "/v1/items/other", "/v1/items/other/a.wav"):
        assert kept.get(path).status == 404


def test_an_item_is_deleted_once(kept: Running) -> None:
    assert kept.ask("PUT", "/files/gone.wav", waves.wav(5), {}).status == 201
    answers = [kept.ask("DELETE", f"{PATH}/gone.wav") for _ in range(2)]
    assert [one.status for one in answers] == [204, 404]
    assert answers[0].body == b""
    assert kept.ask("DELETE", "/v1/items/other/gone.wav").json["code"] == "collection_not_found"
    assert len(list((kept.assay.home / "artifacts").glob("*/*"))) == len(NAMES)


def test_the_documentation_has_every_address(kept: Running) -> None:
    paths = kept.get("/openapi.json").json["paths"]
    assert {"get", "put", "delete"} <= paths["/v1/items/{collection}/{name}"].keys()
    assert paths["/v1/items/{collection}/{name}/content"]["get"]["responses"]["200"]["content"] == {
        "audio/*": {"schema": {"type": "string", "format": "binary"}}
    }


def test_a_cursor_is_the_name_before(kept: Running) -> None:
    for name in ("", "a.wav", "ä☃/ b"):
        assert read_cursor(cursor_of(name)) == name
    assert read_cursor(None) == ""
    for told in ("!", "ä", "_w"):
        with pytest.raises(BadCursor):
            read_cursor(told)
