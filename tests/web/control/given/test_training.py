"""A training over HTTP is a job; what cannot be done is refused before it is one."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from assay.store.versions import versions
from tests import tiny
from tests.web.running import Running

PATH = "/v1/models/stone/train"
NOTHING_TOLD: dict[str, Any] = {
    "dataset": None,
    "recipes": [],
    "trials": None,
    "parameters": {},
    "promote": True,
    "label": None,
}


@pytest.mark.parametrize("body", [None, b"", {}])
def test_without_words_everything_is_trained_on_the_servers_own_rows(server: Running, body: Any) -> None:
    answer = server.ask("POST", PATH, body)
    assert answer.status == 202
    job = server.assay.jobs.find(answer.json["id"])
    assert answer.headers["location"] == f"/v1/jobs/{job.id}"
    assert (job.verb, job.model, job.arguments, job.key) == ("train", "stone", NOTHING_TOLD, None)


def test_what_is_told_goes_with_the_job(server: Running) -> None:
    server.ask("PUT", "/v1/datasets/mine")
    assert server.post(PATH, {"dataset": "mine"}).json["code"] == "no_rows"
    server.post("/v1/datasets/mine/rows", [tiny.QUESTION | {"price": 100.0}])
    told = {
        "dataset": "mine", "recipes": ["linear"], "trials": 3, "parameters": {"linearregression__positive": True},
        "promote": False, "label": "rome",
    }  # fmt: skip
    answer = server.post(PATH, told)
    assert server.assay.jobs.find(answer.json["id"]).arguments == told
    in_use = server.ask("DELETE", "/v1/datasets/mine")
    assert (in_use.status, in_use.json["code"]) == (409, "in_use")


def test_a_key_makes_one_job(server: Running) -> None:
    first = server.post(PATH, {"recipes": ["linear"]}, Idempotency_Key="k1")
    again = server.post(PATH, {"recipes": ["linear"]}, Idempotency_Key="k1")
    assert (first.status, again.status, first.json["id"]) == (202, 202, again.json["id"])
    assert server.assay.jobs.find(first.json["id"]).key == "train:stone:k1"
    other = server.post(PATH, {"recipes": ["rough"]}, Idempotency_Key="k1")
    assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")
    assert server.post(PATH, {}, Idempotency_Key="a b").json["code"] == "bad_idempotency_key"


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({"recipes": ["forest"]}, 422, "unknown_recipe", "#/recipes"), ({"dataset": "none"}, 404, "dataset_not_found", None),
        ({"parameters": {"a": 1}}, 422, "invalid", "#/parameters"), ({"trials": 0}, 422, "invalid", "#/trials"),
        ({"parameters": {"a": 1}, "recipes": ["linear", "rough"]}, 422, "invalid", "#/parameters"),
        ({"recipes": ["linear", 5]}, 422, "invalid", "#/recipes"), ({"promote": "yes"}, 422, "invalid", "#/promote"),
        ({"label": ""}, 422, "invalid", "#/label"), ({"label": "x" * 129}, 422, "invalid", "#/label"),
        ({"label": "a\nb"}, 422, "invalid", "#/label"), ({"recipe": "linear"}, 422, "unknown_feature", "#/recipe"), ([], 422, "invalid", "#"),
        (b"{", 400, "malformed_json", None), (b'{"trials": 1, "trials": 2}', 400, "duplicate_key", None),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(
    server: Running, body: Any, status: int, code: str, pointer: str | None
) -> None:
    before = server.assay.jobs.counts()
    answer = server.post(PATH, body)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert pointer is None or [fault["pointer"] for fault in answer.json["errors"]] == [pointer]
    assert server.assay.jobs.counts() == before


def test_a_model_that_is_not_there_is_not_trained(server: Running) -> None:
    assert server.post("/v1/models/gem/train", {}).json["code"] == "model_not_found"


def test_an_unknown_recipe_is_told_with_those_that_there_are(server: Running) -> None:
    (fault,) = server.post(PATH, {"recipes": ["forest"]}).json["errors"]
    assert fault["allowed"] == ["linear", "rough", "broken"]


def test_a_name_can_be_taken_off_a_version(own_server: Running) -> None:
    with own_server.assay.database.writing() as connection:
        connection.execute(update(versions).where(versions.c.number == 1).values(label="rome"))
    assert own_server.get("/v1/models/stone/versions/1").json["label"] == "rome"
    assert own_server.ask("DELETE", "/v1/models/stone/labels/rome").status == 204
    assert own_server.get("/v1/models/stone/versions/1").json["label"] is None
    assert own_server.ask("DELETE", "/v1/models/stone/labels/rome").status == 404


def test_a_label_is_given_anew_only_after_it_was_taken_off(own_server: Running) -> None:
    with own_server.assay.database.writing() as connection:
        connection.execute(update(versions).where(versions.c.number == 1).values(label="rome"))
    refused = own_server.post(PATH, {"label": "rome"})
    assert (refused.status, refused.json["code"], refused.headers.get("retry-after")) == (409, "label_taken", None)
    assert refused.json["detail"].startswith(
        "Version 1 has the label 'rome' already; DELETE /v1/models/stone/labels/rome"
    )
    assert own_server.ask("DELETE", "/v1/models/stone/labels/rome").status == 204
    assert own_server.post(PATH, {"label": "rome"}).status == 202
