"""Questions batch by batch, all answered by one version, and read page by page."""

from __future__ import annotations

from typing import Any

import pytest

from assay.store.paging import Window
from tests import rows, tiny
from tests.web.running import Running, eventually


def stone(carat: float) -> dict[str, Any]:
    return tiny.QUESTION | {"carat": carat}


def opened(server: Running, body: Any = None) -> str:
    answer = server.ask("POST", "/v1/models/stone/queries", body)
    assert answer.status == 201
    assert answer.headers["location"] == answer.json["location"] == f"/v1/queries/{answer.json['id']}"
    return str(answer.json["location"])


def test_answers_come_in_the_order_of_the_questions(server: Running) -> None:
    query = opened(server)
    weights = [[1.0, 2.0, 3.0], [0.5], [2.5, 1.5]]
    for number, batch in enumerate(weights):
        answer = server.post(query, [stone(carat) for carat in batch])
        assert (answer.status, answer.json) == (200, {"batch": number, "rows": len(batch)})
    alone = [one["prediction"] for one in server.predict([stone(carat) for batch in weights for carat in batch]).json]
    found, following, pages = [], f"{query}?page_size=4", 0
    while following:
        page = server.get(following).json
        assert (page["total"], page["pages"], page["closed"]) == (6, 2, True)
        found += [one["prediction"] for one in page["results"]]
        following, pages = page["next"], pages + 1
    assert (found, pages) == (alone, 2)


def test_answers_are_in_the_record_with_their_exchange(server: Running) -> None:
    query = opened(server)
    answer = server.post(query, [stone(1.0), stone(2.0)])
    kept = server.assay.predictions.page(Window(), exchange=answer.id).entries
    results = server.get(query).json["results"]
    assert {one.id: one.value for one in kept} == {one["id"]: one["prediction"] for one in results}
    assert server.recorded(answer).status == 200


def test_the_first_reading_closes(server: Running) -> None:
    query = opened(server)
    assert server.get(query).json == {"results": [], "next": None, "total": 0, "pages": 0, "closed": True}
    answer = server.post(query, [stone(1.0)])
    assert (answer.status, answer.json["code"], "retry-after" in answer.headers) == (409, "query_closed", False)


def test_a_deleted_query_is_gone(server: Running) -> None:
    query = opened(server)
    assert server.ask("DELETE", query).status == 204
    for answer in (server.get(query), server.post(query, [stone(1.0)]), server.ask("DELETE", query)):
        assert (answer.status, answer.json["code"]) == (404, "query_not_found")


@pytest.mark.parametrize(
    ("body", "code"), [(stone(1.0), "wrong_type"), ([], "empty_batch"), ([stone(1.0), stone(-1.0)], "row_invalid")]
)
def test_a_batch_with_something_wrong_is_not_asked(server: Running, body: Any, code: str) -> None:
    query = opened(server)
    assert server.post(query, body).json["code"] == code
    assert server.get(query).json["total"] == 0


def test_a_version_may_be_named(server: Running) -> None:
    query = opened(server, {"version": tiny.ROUGH})
    server.post(query, [stone(1.0)])
    (named,) = server.post(f"/v1/models/stone/versions/{tiny.ROUGH}/predict", [stone(1.0)]).json
    assert server.get(query).json["results"][0]["prediction"] == named["prediction"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/v1/models/gem/queries", {}, 404), ("/v1/models/stone/queries", {"version": 99}, 404),
     ("/v1/models/stone/queries", {"version": tiny.BROKEN}, 409), ("/v1/models/stone/queries", {"version": "1"}, 422),
     ("/v1/models/stone/queries", {"versoin": 1}, 422)],
)  # fmt: skip
def test_a_query_of_nothing_is_not_opened(server: Running, path: str, body: Any, status: int) -> None:
    assert server.post(path, body).status == status


@pytest.mark.parametrize(
    "query", ["page=-1", "page=x", "page_size=0", "page_size=1001", "page_size=9&page_size=9", "size=1"]
)
def test_what_is_no_page_is_refused(server: Running, query: str) -> None:
    assert server.get(f"{opened(server)}?{query}").json["code"] == "invalid_parameter"


def test_all_batches_are_answered_by_one_version_whoever_rules_meanwhile(own_server: Running) -> None:
    query = opened(own_server)
    own_server.post(query, [stone(1.0)])
    own_server.assay.rollouts.append(rows.rollout(tiny.ROUGH))
    eventually(lambda: own_server.predict().json["version"] == tiny.ROUGH)
    answer = own_server.post(query, [stone(1.0)])
    (kept,) = own_server.assay.predictions.page(Window(), exchange=answer.id).entries
    assert kept.version == tiny.LINEAR
    first, second = own_server.get(query).json["results"]
    assert first["prediction"] == second["prediction"]
