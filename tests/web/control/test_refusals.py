"""What an application's own routes refuse is sent as they chose, in one shape; what they fail at is recorded and kept inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import Body, FastAPI, HTTPException

from assay.store.paging import Window
from assay.web.answering import ServedModel
from assay.web.control import make_api
from assay.web.process import Process
from tests import tiny
from tests.web.running import Running, serving


def with_more_routes(process: Process) -> FastAPI:
    api = make_api(process)

    @api.get("/own/{status}")
    async def refuse(status: int, said: str = "as I said") -> None:
        raise HTTPException(status, said, {"X-Why": "own"})

    @api.get("/facts")
    async def facts() -> None:
        raise HTTPException(400, {"why": "because"})

    @api.post("/torn")
    async def torn(asked: Any = Body()) -> None:
        await ServedModel(process, "stone").predict(asked)
        raise RuntimeError("the secret is 4711")

    @api.post("/listed")
    async def listed(asked: list[str]) -> int:
        return len(asked)

    @api.post("/made", status_code=201)
    async def made() -> dict[str, Any]:
        return {"made": True}

    return api


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("more") / "home", api=with_more_routes) as running:
        yield running


def test_a_teapot_stays_a_teapot(server: Running) -> None:
    answer = server.get("/teapot")
    assert (answer.status, answer.headers["content-type"]) == (418, "application/problem+json")
    assert answer.json == {
        "type": "about:blank", "title": "I'm a Teapot", "status": 418, "detail": "short and stout", "instance": answer.id,
        "code": "refused",
    }  # fmt: skip
    kept = server.recorded(answer)
    assert (kept.status, kept.response) == (418, answer.body)


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_a_body_that_is_not_called_json_is_not_said_to_be_wrong(more: Running, kind: str) -> None:
    answer = more.ask("POST", "/listed", b'["a"]', {"Content-Type": kind} if kind else {})
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    assert more.ask("POST", "/listed", b'["a"]', {"Content-Type": "application/json"}).json == 1
    assert more.ask("POST", "/listed", b"1", {"Content-Type": "application/json"}).status == 422
    assert more.ask("POST", "/listed", b"", {}).status == 422


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 422, 499, 500, 503])
def test_a_route_refuses_with_the_status_the_words_and_the_headers_that_it_chose(more: Running, status: int) -> None:
    answer = more.get(f"/own/{status}")
    assert (answer.status, answer.json["status"], answer.json["detail"]) == (status, status, "as I said")
    assert (answer.json["code"], answer.headers["x-why"]) == ("refused", "own")
    assert answer.headers["cache-control"] == "no-store"
    assert more.recorded(answer).response == answer.body


def test_a_refusal_may_be_more_than_a_sentence(more: Running) -> None:
    assert more.get("/facts").json["detail"] == '{"why":"because"}'


def test_an_address_of_nobody_is_told_from_a_routes_own_404(more: Running) -> None:
    assert more.get("/nowhere").json["code"] == "not_found"
    assert more.get("/own/404").json["code"] == "refused"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("OPTIONS", "/v1/models/stone/experiment", "DELETE, GET, HEAD, PATCH, POST"), ("DELETE", "/v1/models", "GET, HEAD"),
        ("PATCH", "/price", "POST"), ("OPTIONS", "/livez", "GET, HEAD"),
    ],
)  # fmt: skip
def test_all_methods_that_an_address_knows_are_named(server: Running, method: str, path: str, allowed: str) -> None:
    answer = server.ask(method, path)
    assert (answer.status, answer.json["code"], answer.headers["allow"]) == (405, "method_not_allowed", allowed)


@pytest.mark.parametrize("path", ["/v1/models/", "/price/", "/livez/", "/docs/..%2F"])
def test_an_address_has_one_spelling(server: Running, path: str) -> None:
    assert server.get(path).json["code"] == "not_found"


def test_what_was_predicted_before_a_route_failed_is_recorded_with_its_exchange(more: Running) -> None:
    answer = more.post("/torn", tiny.QUESTION)
    assert (answer.status, answer.json["code"]) == (500, "error")
    assert b"4711" not in answer.body
    assert more.recorded(answer).status == 500
    (kept,) = more.assay.predictions.page(Window(), exchange=answer.id).entries
    assert kept.value == more.predict().json["prediction"]


def test_the_document_describes_refusals_as_they_are_sent(more: Running) -> None:
    made = more.get("/openapi.json").json
    assert {"HTTPValidationError", "ValidationError"} & set(made["components"]["schemas"]) == set()
    for path, operations in made["paths"].items():
        for operation in operations.values():
            unready = path == "/readyz"  # says what is missing, and refuses nothing
            told_of = {
                status: told for status, told in operation["responses"].items() if status != "503" or not unready
            }
            refusals = [told for status, told in told_of.items() if status[0] not in "23"]
            assert refusals, path
            for told in refusals:
                assert set(told["content"]) == {"application/problem+json"}, path
    assert "201" in made["paths"]["/made"]["post"]["responses"]
    assert more.post("/made", {}).status == 201


@pytest.mark.parametrize(
    "path",
    ["/v1/models/stone", "/v1/models/stone/versions", "/v1/models/stone/versions/1", "/v1/models/stone/rollouts", "/v1/models",
     f"/v1/exchanges/{'0' * 32}", f"/v1/predictions/{'0' * 32}"],
)  # fmt: skip
def test_a_parameter_that_nobody_reads_is_refused_on_every_reading_route(server: Running, path: str) -> None:
    answer = server.get(f"{path}?verison=2")
    assert (answer.status, answer.json["code"]) == (422, "invalid_parameter")
    assert answer.json["errors"][0]["pointer"] == "verison"


@pytest.mark.parametrize("verb", ["predict", "explain", "similar"])
def test_a_model_is_asked_in_json_without_parameters_that_nobody_reads(server: Running, verb: str) -> None:
    path = f"/v1/models/stone/{verb}"
    answer = server.ask("POST", path, b'{"carat": 1, "cut": "Fair", "color": "D"}', {"Content-Type": "text/plain"})
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    assert answer.headers["accept-post"] == "application/json"
    answer = server.post(f"{path}?version=2", tiny.QUESTION)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "version")


@pytest.mark.parametrize(
    "path", ["/v1/models/nothing/predict", "/v1/models/stone/versions/77/predict", "/v1/models/stone/versions/3/predict",
             "/v1/models/stone/x/predict", "/v1/models/nothing/explain", "/nowhere"],
)  # fmt: skip
def test_of_a_refusal_the_record_has_what_was_sent(server: Running, path: str) -> None:
    answer = server.post(path, b'{"carat": 1.50}')
    assert answer.status in (404, 409)
    kept = server.recorded(answer)
    assert (kept.request, kept.response, kept.status) == (b'{"carat": 1.50}', answer.body, answer.status)
