"""A collection answers its application's routes, and its short address is described where it is declared."""

from __future__ import annotations

from tests.web.items.conftest import hearing  # noqa: F401 - used as a fixture
from tests.web.running import Running


def test_the_short_address_is_described_as_the_applications(hearing: Running) -> None:  # noqa: F811 - the fixture
    put = hearing.get("/openapi.json").json["paths"]["/files/{name}"]["put"]
    assert put["summary"] == "Keeps a recording under the name, in the place of the one that was there"
    assert set(put["responses"]) == {"200", "201", "422", "default"}
    assert put["tags"] == ["application"]
    assert "application/octet-stream" in put["requestBody"]["content"]


def test_a_collection_that_is_served_answers(hearing: Running) -> None:  # noqa: F811 - the fixture
    assert hearing.assay.application.items()["files"].answering is not None
    assert hearing.get("/files").json == []


def test_what_is_not_declared_has_no_short_address(hearing: Running) -> None:  # noqa: F811 - the fixture
    assert hearing.ask("PUT", "/others/one.wav", b"x", {}).status == 404
