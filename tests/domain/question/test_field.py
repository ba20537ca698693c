"""What a field allows, in types, in words and as JSON Schema."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import assay
from assay.domain.question.faults import row_faults
from assay.domain.question.field import SAFE_INTEGER, Field, example_of, object_schema

EVERY_KIND: dict[str, Field] = {
    "number": assay.Number(above=0, at_most=20, unit="ct", description="Weight"),
    "free": assay.Number(),
    "below": assay.Number(below=-5),
    "integer": assay.Integer(at_least=1),
    "grade": assay.Grade("low", "high"),
    "category": assay.Category("a", "b", example="a"),
    "text": assay.Text(max_length=9),
    "boolean": assay.Boolean(),
    "maybe": assay.Number(nullable=True, example=0.5),
}


def takes(field: Field, value: Any) -> bool:
    try:
        msgspec.json.decode(msgspec.json.encode(value), type=field.annotation())
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", EVERY_KIND)
def test_the_example_of_a_field_is_one_that_its_rule_allows(name: str) -> None:
    field = EVERY_KIND[name]
    example = example_of({name: field})
    assert list(row_faults(example, {name: field}, "#")) == []
    assert takes(field, example[name])


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        (assay.Number(above=0, at_most=20, unit="ct"), "a number above 0 and at most 20 ct"),
        (assay.Number(unit="ct"), "a number"),
        (assay.Number(at_least=-1, below=1), "a number at least -1 and below 1"),
        (assay.Grade("Fair", "Good"), "one of Fair, Good"),
        (assay.Integer(at_least=1, at_most=5), "a whole number at least 1 and at most 5"),
        (assay.Text(), "a text"),
        (assay.Boolean(), "true or false"),
    ],
)
def test_the_rule_is_said_in_words(field: Field, rule: str) -> None:
    assert field.rule() == rule


def test_the_schema_has_bounds_words_units_and_examples() -> None:
    carat = assay.Number(above=0, at_most=20, unit="ct", description="Weight", example=1.0).json_schema()
    assert carat == {
        "type": "number", "exclusiveMinimum": 0, "maximum": 20, "description": "Weight [ct]", "examples": [1.0]
    }  # fmt: skip
    assert assay.Grade("a", "b").json_schema() == {"type": "string", "enum": ["a", "b"]}
    assert assay.Text(max_length=5).json_schema() == {"type": "string", "maxLength": 5}
    assert assay.Boolean(nullable=True).json_schema() == {"type": ["boolean", "null"]}


def test_an_object_requires_what_may_not_be_null() -> None:
    schema = object_schema("Note", EVERY_KIND)
    assert schema["required"] == [name for name in EVERY_KIND if name != "maybe"]
    assert schema["title"] == "Note"


@given(
    kind=st.sampled_from(["above", "at_least", "below", "at_most"]),
    bound=st.integers(-3, 3) | st.sampled_from([-2.5, -0.5, 0.5, 2.5]),
    value=st.integers(-4, 4),
)
def test_the_strict_type_allows_exactly_the_whole_numbers_that_the_rule_allows(
    kind: str, bound: float, value: int
) -> None:
    field = assay.Integer(**{kind: bound})
    allowed = {"above": value > bound, "at_least": value >= bound, "below": value < bound, "at_most": value <= bound}
    assert (list(row_faults({"n": value}, {"n": field}, "#")) == []) == allowed[kind]
    assert takes(field, value) == allowed[kind]


@given(
    kind=st.sampled_from(["above", "at_least", "below", "at_most"]),
    bound=st.floats(-50, 50, allow_nan=False),
    value=st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-60, 60)),
)
def test_the_strict_type_allows_exactly_the_numbers_that_the_rule_allows(kind: str, bound: float, value: float) -> None:
    field = assay.Number(**{kind: bound})
    allowed = {"above": value > bound, "at_least": value >= bound, "below": value < bound, "at_most": value <= bound}
    assert (list(row_faults({"n": value}, {"n": field}, "#")) == []) == allowed[kind]
    assert takes(field, value) == allowed[kind]


def test_a_whole_number_goes_as_far_as_the_store_can_keep_it() -> None:
    field = assay.Integer()
    assert takes(field, SAFE_INTEGER)
    assert takes(field, -SAFE_INTEGER)
    assert not takes(field, SAFE_INTEGER + 1)


@pytest.mark.parametrize("name", EVERY_KIND)
def test_a_field_is_equal_and_allows_the_same_after_a_round_trip(name: str) -> None:
    field = EVERY_KIND[name]
    again = msgspec.json.decode(msgspec.json.encode(field), type=Field)
    assert again == field
    for value in (0, 1, 5.5, -6, "a", "high", True, None, math.pi, "x" * 10):
        assert takes(again, value) == takes(field, value)
