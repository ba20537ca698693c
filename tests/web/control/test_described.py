"""What the OpenAPI document says of each route in words, and that its schemas are those of what is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from assay.web.control.described import TAGS, answers, shape
from tests.web.running import Running

VERBS = frozenset(("get", "put", "post", "patch", "delete"))


@pytest.fixture(scope="module")
def document(server: Running) -> dict[str, Any]:
    made: dict[str, Any] = server.get("/openapi.json").json
    return made


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation of Assay's own; an application's own are its author's to describe."""
    for path, found in document["paths"].items():
        for method, operation in found.items():
            assert method in VERBS
            if operation["tags"] != ["application"]:
                yield f"{method} {path}", operation


def test_every_operation_is_summed_up_in_words_and_has_an_id_of_its_own(document: dict[str, Any]) -> None:
    found = dict(operations(document))
    assert len(found) > 30
    assert {name: one["summary"] for name, one in found.items() if len(one["summary"].split()) < 2} == {}
    assert [id for id, count in Counter(one["operationId"] for one in found.values()).items() if count > 1] == []


def test_every_tag_is_declared_with_what_it_means(document: dict[str, Any]) -> None:
    assert {one["name"]: one["description"] for one in document["tags"]} == TAGS
    assert {tag for _, one in operations(document) for tag in one["tags"]} <= TAGS.keys()
    assert "problem+json" in document["info"]["description"]


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    silent = [
        f"{name}: {parameter['name']}"
        for name, one in operations(document)
        for parameter in one.get("parameters", ())
        if not parameter.get("description")
    ]
    assert silent == []
    paths = document["paths"]
    (dataset,) = paths["/v1/datasets/{name}"]["get"]["parameters"]
    assert dataset["description"] == "the dataset"


@pytest.mark.parametrize(
    ("operation", "statuses"),
    [
        ("post /v1/models/{name}/train", {"202"}), ("delete /v1/models/{name}/labels/{label}", {"204"}),
        ("post /v1/models/{name}/queries", {"201"}), ("delete /v1/queries/{id}", {"204"}), ("get /v1/jobs", {"200"}),
        ("put /v1/datasets/{name}", {"200", "201"}), ("post /v1/datasets/{name}/rows", {"200", "201"}),
        ("delete /v1/datasets/{name}", {"204"}), ("post /v1/jobs/{id}/cancel", {"200", "202"}),
        ("post /v1/jobs/{id}/retry", {"202"}), ("get /readyz", {"200"}),
    ],
)  # fmt: skip
def test_a_success_has_the_status_that_is_sent(document: dict[str, Any], operation: str, statuses: set[str]) -> None:
    responses = dict(operations(document))[operation]["responses"]
    assert {status for status in responses if status.startswith("2")} == statuses


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/v1/models", "Model"), ("/v1/models/stone/versions", "Version"), ("/v1/models/stone/rollouts", "Rollout"),
        ("/v1/models/stone/datasets", "Snapshot"), ("/v1/models/stone/rollout", "Ruling"), ("/v1/jobs", "Job"),
        ("/v1/exchanges", "Exchange"), ("/v1/predictions", "Recorded"), ("/v1/datasets", "NamedDataset"), ("/", "Root"),
        ("/readyz", "Health"),
    ],
)  # fmt: skip
def test_what_is_sent_has_no_field_that_its_schema_lacks(
    server: Running, document: dict[str, Any], path: str, schema: str
) -> None:
    server.ask("PUT", "/v1/datasets/some")
    server.post("/v1/models/stone/train", {})
    server.predict()
    sent = server.get(path).json
    entries = sent.get("results", [sent])
    assert entries
    assert set(entries[0]) - set(document["components"]["schemas"][schema]["properties"]) == set()


def test_a_shape_is_read_from_words() -> None:
    assert shape("a:integer b:string?") == {
        "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": ["string", "null"]}},
    }  # fmt: skip


def test_a_page_has_the_address_of_the_next_and_a_list_has_none() -> None:
    for many, names in (("page", {"results", "next_cursor", "next"}), ("list", {"results"})):
        schema = answers("Job", many=many)["responses"][200]["content"]["application/json"]["schema"]
        assert set(schema["properties"]) == names
    assert "content" not in answers("", 204)["responses"][204]
