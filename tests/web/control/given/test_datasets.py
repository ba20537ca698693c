"""Named datasets over HTTP, and the snapshots that versions have learnt from."""

from __future__ import annotations

import pytest

from assay.store import datasets
from assay.web.control.given.datasets import snapshot_json
from tests import rows, tiny
from tests.web.running import Running

ROW = tiny.QUESTION | {"price": 100.0}


def test_a_dataset_is_made_filled_shown_listed_and_deleted(server: Running) -> None:
    made = server.ask("PUT", "/v1/datasets/life", {"model": "stone"})
    assert (made.status, made.headers["location"]) == (201, "/v1/datasets/life")
    assert (made.json["name"], made.json["model"], made.json["rows"]) == ("life", "stone", 0)
    again = server.ask("PUT", "/v1/datasets/life")
    assert (again.status, again.json) == (200, made.json)

    appended = server.post("/v1/datasets/life/rows", [ROW, ROW | {"carat": 2.0}])
    assert (appended.status, appended.json["rows"], appended.json["deduplicated"]) == (201, 2, False)
    repeated = server.post("/v1/datasets/life/rows", [ROW, ROW | {"carat": 2.0}])
    assert (repeated.status, repeated.json["upload"]) == (200, appended.json["upload"])

    shown = server.get("/v1/datasets/life").json
    (part,) = shown["parts"]
    assert (shown["rows"], part["rows"], part["format"], part["upload"]) == (2, 2, "jsonl", appended.json["upload"])
    assert part["at"].endswith("Z") and len(part["file"]) == 64
    assert "life" in [one["name"] for one in server.get("/v1/datasets?limit=1000").json["results"]]

    assert server.ask("DELETE", "/v1/datasets/life").status == 204
    assert [server.ask(method, "/v1/datasets/life").status for method in ("GET", "DELETE")] == [404, 404]
    assert server.post("/v1/datasets/life/rows", [ROW]).status == 404
    assert (server.ask("PUT", "/v1/datasets/life").status, server.get("/v1/datasets/life").json["parts"]) == (201, [])


def test_an_answer_without_a_body_tells_no_length(server: Running) -> None:
    server.ask("PUT", "/v1/datasets/brief")
    answer = server.ask("DELETE", "/v1/datasets/brief")
    assert (answer.status, answer.body, "content-length" in answer.headers) == (204, b"", False)
    assert server.recorded(answer).status == 204


def test_datasets_are_listed_page_by_page(server: Running) -> None:
    for name in ("p1", "p2", "p3"):
        server.ask("PUT", f"/v1/datasets/{name}")
    found, following = [], "/v1/datasets?limit=2"
    while following:
        page = server.get(following).json
        found += [one["name"] for one in page["results"]]
        following = page["next"]
    assert found[:3] == ["p3", "p2", "p1"]
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ([ROW, tiny.QUESTION], 422, "row_invalid"), ([ROW | {"price": "5"}], 422, "row_invalid"), (ROW, 422, "wrong_type"),
        ([], 422, "empty_batch"), (b"[{", 400, "malformed_json"), (b'[{"carat": 1, "carat": 2}]', 400, "duplicate_key"),
        ([ROW] * 10_001, 413, "too_many_rows"),
    ],
)  # fmt: skip
def test_a_list_with_something_wrong_is_refused_as_a_whole(
    server: Running, body: object, status: int, code: str
) -> None:
    server.ask("PUT", "/v1/datasets/strict")
    answer = server.post("/v1/datasets/strict/rows", body)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert server.get("/v1/datasets/strict").json["parts"] == []


@pytest.mark.parametrize(
    "name", ["..", "A", "a%2Fb", ".x", "x" * 300, "con", "x.", "%00", "a%20b", "d%C4%B1amonds", "latest"]
)
def test_a_name_that_is_none_is_refused(server: Running, name: str) -> None:
    answer = server.ask("PUT", f"/v1/datasets/{name}")
    if "%2F" in name or name == "..":
        assert answer.status in (404, 405, 422)  # another address altogether
    else:
        assert (answer.status, answer.json["code"]) == (422, "invalid_name")


@pytest.mark.parametrize(
    ("body", "status"),
    [({"model": "gem"}, 404), ({"modle": "stone"}, 422), ({"model": 5}, 422), ([], 422), (b"{", 400)],
)
def test_a_dataset_for_nothing_is_not_made(server: Running, body: object, status: int) -> None:
    assert server.ask("PUT", "/v1/datasets/nothing", body).status == status
    assert server.get("/v1/datasets/nothing").status == 404


def test_what_is_not_json_is_not_read_as_json(server: Running) -> None:
    answer = server.ask("PUT", "/v1/datasets/typed", b'{"model": "stone"}', {"Content-Type": "text/plain"})
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")


def test_snapshots_are_shown_with_their_profile_one_at_a_time(server: Running) -> None:
    (found,) = server.get("/v1/models/stone/datasets").json["results"]
    assert (found["rows"], found["removed"], found["source"]) == (298, 2, "data.py")
    assert "profile" not in found
    one = server.get(f"/v1/models/stone/datasets/{found['id']}").json
    assert one["columns"]["carat"] == "Float64"
    assert "profile" in one
    assert server.get("/v1/models/gem/datasets").status == 404
    assert server.get(f"/v1/models/stone/datasets/{'0' * 64}").json["code"] == "dataset_not_found"


def test_a_place_on_this_machine_is_nobodys_business() -> None:
    assert snapshot_json(rows.dataset(source="/home/me/stones.csv"))["source"] == "stones.csv"
    assert snapshot_json(rows.dataset(source="s3://bucket/stones/"))["source"] == "s3://bucket/stones/"
    assert datasets.datasets.name == "datasets"
