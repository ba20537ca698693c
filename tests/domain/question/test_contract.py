"""A contract says what may be asked, and finishes what is answered."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import assay
from assay.domain.question.contract import Contract, Target, question_type
from assay.domain.question.faults import row_faults
from tests import tiny

VALUES = st.lists(st.floats(-1e9, 1e9))


@given(VALUES, st.floats(-1e6, 1e6))
def test_no_answer_is_below_the_floor(values: list[float], floor: float) -> None:
    finished = Target(name="price", floor=floor).finish(values)
    assert finished == [max(value, floor) for value in values]


@given(VALUES, st.integers(0, 6))
def test_answers_are_rounded_to_the_decimals(values: list[float], decimals: int) -> None:
    finished = Target(name="price", decimals=decimals).finish(values)
    assert finished == [round(value, decimals) for value in values]


@given(VALUES)
def test_without_floor_and_decimals_answers_are_left_as_they_are(values: list[float]) -> None:
    assert Target(name="price").finish(values) == values


def test_the_floor_comes_before_the_rounding() -> None:
    assert Target(name="price", floor=0.126, decimals=2).finish([0.0, 5.129]) == [0.13, 5.13]


def test_the_question_is_strict_about_names_types_and_ranges() -> None:
    kind = tiny.CONTRACT.question
    assert tiny.CONTRACT.question is kind
    assert msgspec.structs.asdict(msgspec.convert(tiny.QUESTION, kind)) == tiny.QUESTION
    for wrong in ({"carat": 0.0}, {"carat": 20.5}, {"carat": "1"}, {"cut": "ideal"}, {"more": 1}, {"carat": None}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(tiny.QUESTION | wrong, kind)


def test_a_field_that_may_be_missing_is_then_null() -> None:
    kind = question_type("Question", {"a": assay.Number(nullable=True), "b": assay.Number()})
    assert msgspec.structs.asdict(msgspec.convert({"b": 1.0}, kind)) == {"a": None, "b": 1.0}


def test_the_words_of_a_complete_question_are_counted_where_their_number_is_known() -> None:
    assert tiny.CONTRACT.words == 2
    texts = msgspec.structs.replace(tiny.CONTRACT, fields=tiny.FIELDS | {"note": assay.Text()})
    maybe = msgspec.structs.replace(tiny.CONTRACT, fields=tiny.FIELDS | {"depth": assay.Number(nullable=True)})
    assert texts.words == maybe.words == -1


def test_the_example_would_be_accepted() -> None:
    example = tiny.CONTRACT.example()
    assert example == tiny.QUESTION
    assert list(row_faults(example, tiny.FIELDS, "#")) == []


def test_the_schema_names_required_fields_and_forbids_others() -> None:
    schema = tiny.CONTRACT.json_schema()
    assert schema["required"] == ["carat", "cut", "color"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["cut"]["enum"] == ["Fair", "Good", "Ideal"]
    assert schema["examples"] == [tiny.QUESTION]


def test_a_contract_is_equal_to_itself_after_a_round_trip() -> None:
    assert msgspec.json.decode(msgspec.json.encode(tiny.CONTRACT), type=Contract) == tiny.CONTRACT
