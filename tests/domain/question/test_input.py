"""An input type is strict, keeps what was said of its fields, and describes itself."""

from __future__ import annotations

import json

import msgspec
import pytest
from pydantic import TypeAdapter, ValidationError

import assay
from assay.domain.question.field import Field
from assay.errors import QuestionInvalid


class Stone(assay.Input):
    """A stone."""

    carat: float = assay.Number(above=0, unit="ct", example=1.0)
    cut: str = assay.Grade("Fair", "Good")
    depth: float | None = assay.Number(nullable=True)


class Gem(Stone):
    """A stone with a colour."""

    color: str = assay.Category("D", "E")


def test_the_fields_are_kept_in_their_order_with_what_was_said() -> None:
    assert list(Stone.assay_fields) == ["carat", "cut", "depth"]
    assert Stone.assay_fields["carat"] == Field(kind="number", above=0, unit="ct", example=1.0)


def test_an_input_can_build_on_another() -> None:
    assert list(Gem.assay_fields) == ["carat", "cut", "depth", "color"]
    assert list(Stone.assay_fields) == ["carat", "cut", "depth"]
    assert Gem.take({"carat": 1, "cut": "Fair", "color": "D"}).depth is None


def test_an_input_is_made_by_name_and_never_changes() -> None:
    stone = Stone(carat=1.0, cut="Fair", depth=None)
    with pytest.raises(AttributeError):
        stone.carat = 2.0
    with pytest.raises(TypeError):
        Stone(1.0, "Fair")  # type: ignore[call-arg]  # what a type checker refuses, the struct refuses too


def test_decoding_is_strict() -> None:
    assert msgspec.json.decode(b'{"carat": 1, "cut": "Good"}', type=Stone) == Stone(carat=1.0, cut="Good", depth=None)
    for wrong in (
        b'{"carat": 0, "cut": "Good"}',
        b'{"carat": 1, "cut": "good"}',
        b'{"carat": 1, "cut": "Good", "x": 1}',
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(wrong, type=Stone)


def test_taking_parsed_values_names_every_fault() -> None:
    with pytest.raises(QuestionInvalid) as refused:
        Stone.take({"carat": -1, "cut": "no"})
    assert [fault.pointer for fault in refused.value.faults] == ["#/carat", "#/cut"]


def test_a_web_framework_can_validate_and_describe_it() -> None:
    adapter = TypeAdapter(Stone)
    assert adapter.validate_python({"carat": 1, "cut": "Fair"}) == Stone(carat=1.0, cut="Fair", depth=None)
    with pytest.raises((ValidationError, QuestionInvalid)):
        adapter.validate_python({"carat": 1, "cut": "no"})
    schema = adapter.json_schema()
    assert schema["title"] == "Stone"
    assert schema["properties"]["cut"]["enum"] == ["Fair", "Good"]
    assert json.dumps(schema)
