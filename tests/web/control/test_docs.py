"""The documentation is served from here, and describes each model's real input."""

from __future__ import annotations

from typing import Any

import pytest

from tests import tiny
from tests.web.running import Running


def references(value: Any) -> set[str]:
    """Every reference inside of a document."""
    if isinstance(value, dict):
        return {str(value["$ref"])} if "$ref" in value else set().union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_the_document_has_each_models_own_routes_and_input(server: Running) -> None:
    made = server.get("/openapi.json").json
    assert made["openapi"].startswith("3.1")
    for verb in ("predict", "explain", "similar"):
        assert "post" in made["paths"][f"/v1/models/stone/{verb}"]
        assert "post" in made["paths"][f"/v1/models/stone/versions/{{number}}/{verb}"]
    question = made["components"]["schemas"]["stone.Question"]
    assert question["properties"]["cut"]["enum"] == ["Fair", "Good", "Ideal"]
    assert question["properties"]["carat"]["description"] == "Weight [ct]"
    assert question["examples"] == [tiny.QUESTION]
    assert "/price" in made["paths"]


def test_every_reference_of_the_document_leads_somewhere(server: Running) -> None:
    made = server.get("/openapi.json").json
    for reference in references(made):
        found = made
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def test_the_examples_of_the_document_are_answered(server: Running) -> None:
    paths = server.get("/openapi.json").json["paths"]
    for verb in ("predict", "explain", "similar"):
        content = paths[f"/v1/models/stone/{verb}"]["post"]["requestBody"]["content"]["application/json"]
        assert server.post(f"/v1/models/stone/{verb}", content["example"]).status == 200


def test_the_page_needs_nothing_from_elsewhere(server: Running) -> None:
    page = server.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert b"http://" not in page.body
    assert b"https://" not in page.body
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("swagger-ui-bundle.js", "text/javascript"), ("swagger-ui.css", "text/css"), ("favicon-32x32.png", "image/png"),
     ("start.js", "text/javascript")],
)  # fmt: skip
def test_its_files_are_served_from_here(server: Running, name: str, kind: str) -> None:
    answer = server.get(f"/docs/{name}")
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, kind)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.body) > 100


@pytest.mark.parametrize("name", ["other.js", "..%2f..%2fpyproject.toml", "%2e%2e"])
def test_other_files_are_not(server: Running, name: str) -> None:
    assert server.get(f"/docs/{name}").status == 404
