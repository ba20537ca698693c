"""Feature tables over HTTP: put, asked for as they are and were, listed, deleted, and strictly read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import known
from tests.web.running import Running, serving

TABLE = "/v1/features/shops"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("served") / "home", opened=known.opened, max_rows=50) as running:
        yield running


def test_the_tables_are_told_with_their_schema(server: Running) -> None:
    (found,) = server.get("/v1/features").json["results"]
    assert (found["name"], found["key"], found["form"]) == ("shops", "shop", "text")
    assert found["schema"]["required"] == ["size", "town", "name"]


def test_an_entity_is_put_found_put_anew_and_deleted(server: Running) -> None:
    first = server.ask("PUT", f"{TABLE}/a", {"shop": "a", **known.SHOP})
    assert (first.status, first.json["values"], first.json["ended_at"], first.json["by"]) == (
        201,
        known.SHOP,
        None,
        "HTTP",
    )
    second = server.ask("PUT", f"{TABLE}/a", known.SHOP | {"staff": None})
    assert (second.status, second.json["values"]["staff"]) == (200, None)
    assert server.ask("PUT", f"{TABLE}/a", known.SHOP | {"staff": None}).json == second.json, (
        "the same again changes nothing"
    )
    assert server.get(f"{TABLE}/a").json == second.json
    past = server.get(f"{TABLE}/a?as_of={first.json['at']}").json
    assert past == first.json | {"ended_at": second.json["at"]}
    history = server.get(f"{TABLE}/a/history?limit=1").json
    assert history["results"] == [second.json]
    assert server.get(history["next"]).json["results"] == [past]
    assert server.ask("DELETE", f"{TABLE}/a").status == 204
    assert server.get(f"{TABLE}/a").json["code"] == "entity_not_found"
    assert server.ask("DELETE", f"{TABLE}/a").status == 404
    assert server.get(f"{TABLE}/a?as_of={second.json['at']}").json["values"] == second.json["values"]


def test_many_are_put_all_or_none(server: Running) -> None:
    rows = [{"shop": key, **known.SHOP} for key in ("m1", "m2", "m1")]
    rows[2]["name"] = "Last"
    told = server.post(TABLE, rows)
    assert (told.status, told.json) == (200, {"features": "shops", "rows": 3, "added": 2, "changed": 0, "unchanged": 0})
    assert server.get(f"{TABLE}/m1").json["values"]["name"] == "Last"
    wrong = server.post(
        TABLE, [{"shop": "m3", **known.SHOP}, {"shop": "m/4", **known.SHOP}, {"shop": "m5", "size": 1}, 5]
    )
    assert wrong.status == 422
    assert [(one["pointer"], one["code"]) for one in wrong.json["errors"]] == [
        ("#/1/shop", "invalid_key"), ("#/2/town", "missing_feature"), ("#/2/name", "missing_feature"), ("#/3", "wrong_type"),
    ]  # fmt: skip
    assert server.get(f"{TABLE}/m3").status == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [([], 422, "wrong_type"), ({"shop": "a"}, 422, "wrong_type"), (b"[", 400, "malformed_json"),
     ([{"shop": "a"}] * 51, 413, "too_many_rows"), (b'[{"shop":"a","shop":"b"}]', 400, "duplicate_key")],
)  # fmt: skip
def test_a_body_that_is_no_list_of_rows_is_refused(server: Running, body: Any, status: int, code: str) -> None:
    answer = server.post(TABLE, body)
    assert (answer.status, answer.json["code"]) == (status, code)


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [("PUT", "/a", {**known.SHOP, "shop": "b"}, "invalid_key"), ("PUT", "/a", {**known.SHOP, "x": 1}, "unknown_feature"),
     ("PUT", "/a", {}, "missing_feature"), ("PUT", "/a", 1, "wrong_type"), ("GET", "/a?as_of=today", None, "invalid_parameter"),
     ("GET", "/a?more=1", None, "invalid_parameter"), ("GET", "?limit=0", None, "invalid_parameter"),
     ("GET", "/a/history?cursor=x", None, "bad_cursor"), ("PUT", "/" + "x" * 129, known.SHOP, "entity_key_invalid")],
)  # fmt: skip
def test_what_is_not_understood_is_refused(server: Running, method: str, path: str, body: Any, code: str) -> None:
    answer = server.ask(method, TABLE + path, body)
    assert answer.status in (400, 422)
    assert code in (answer.json["code"], answer.json.get("errors", [{}])[0].get("code"))


def test_a_table_that_there_is_not_is_404(server: Running) -> None:
    for method, path, body in (
        ("GET", "", None), ("POST", "", [known.SHOP]), ("GET", "/a", None), ("PUT", "/a", known.SHOP), ("DELETE", "/a", None),
        ("GET", "/a/history", None),
    ):  # fmt: skip
        answer = server.ask(method, f"/v1/features/none{path}", body)
        assert (answer.status, answer.json["code"]) == (404, "features_not_found")


def test_entities_are_listed_page_by_page(server: Running) -> None:
    seen: list[str] = []
    path: str | None = f"{TABLE}?limit=90"
    for _ in range(5):
        page = server.get(path or "").json
        seen += [one["entity"] for one in page["results"]]
        path = page["next"]
        if path is None:
            break
    assert path is None and seen == sorted(set(seen)) and len(seen) >= 200
