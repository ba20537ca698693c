"""Every fault of a row is found, with a pointer, a code and what would have been allowed."""

from __future__ import annotations

from typing import Any

import pytest

import assay
from assay.domain.question.contract import question_type
from assay.domain.question.faults import MAX_KEYS, row_faults, row_of
from assay.domain.question.field import Field
from assay.errors import QuestionInvalid

FIELDS: dict[str, Field] = {
    "carat": assay.Number(above=0, at_most=20, unit="ct"),
    "cut": assay.Grade("Fair", "Good"),
    "count": assay.Integer(at_least=0),
    "note": assay.Text(max_length=5),
    "urgent": assay.Boolean(),
    "discount": assay.Number(nullable=True),
}
GOOD: dict[str, Any] = {"carat": 1.0, "cut": "Fair", "count": 3, "note": "hi", "urgent": True}


def fault_of(**wrong: Any) -> tuple[str, str]:
    (found,) = list(row_faults(GOOD | wrong, FIELDS, "#"))
    return found.pointer, found.code


def test_a_good_row_has_no_fault() -> None:
    assert list(row_faults(GOOD, FIELDS, "#")) == []
    assert list(row_faults(GOOD | {"discount": None}, FIELDS, "#")) == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"carat": 0}, "out_of_range"), ({"carat": 20.01}, "out_of_range"), ({"carat": "1"}, "wrong_type"),
        ({"carat": True}, "wrong_type"), ({"carat": None}, "wrong_type"), ({"carat": float("inf")}, "number_out_of_range"),
        ({"carat": float("nan")}, "number_out_of_range"), ({"carat": 10**400}, "number_out_of_range"),
        ({"carat": []}, "wrong_type"), ({"cut": "fair"}, "unknown_category"), ({"cut": "Great"}, "unknown_category"),
        ({"cut": ""}, "unknown_category"), ({"cut": 1}, "wrong_type"), ({"cut": None}, "wrong_type"),
        ({"count": 1.5}, "wrong_type"), ({"count": -1}, "out_of_range"), ({"count": 2**63}, "number_out_of_range"),
        ({"count": 1e300}, "number_out_of_range"), ({"note": "longer"}, "out_of_range"), ({"note": "a\x00"}, "invalid_string"),
        ({"urgent": 1}, "wrong_type"), ({"urgent": "true"}, "wrong_type"), ({"discount": "1"}, "wrong_type"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_by_pointer_and_code(wrong: dict[str, Any], code: str) -> None:
    assert fault_of(**wrong) == (f"#/{next(iter(wrong))}", code)


def test_an_unknown_word_is_refused_with_the_words_that_are_allowed_and_never_taken_for_a_baseline() -> None:
    (found,) = list(row_faults(GOOD | {"cut": "Great"}, FIELDS, "#/3"))
    assert found.pointer == "#/3/cut"
    assert found.allowed == ("Fair", "Good")
    assert "Fair, Good" in found.detail


def test_an_unknown_field_is_refused_with_the_one_that_was_probably_meant() -> None:
    (found,) = list(row_faults(GOOD | {"Carrat": 1}, FIELDS, "#"))
    assert (found.pointer, found.code) == ("#/Carrat", "unknown_feature")
    assert "did you mean 'carat'?" in found.detail
    assert found.allowed == tuple(FIELDS)


def test_the_name_of_an_unknown_field_is_escaped_and_cut_in_the_pointer() -> None:
    (found,) = list(row_faults(GOOD | {"a/b~c": 1}, FIELDS, "#"))
    assert found.pointer == "#/a~1b~0c"
    (found,) = list(row_faults(GOOD | {"x" * 500: 1}, FIELDS, "#"))
    assert len(found.pointer) < 100


def test_every_fault_is_named_at_once() -> None:
    found = list(row_faults({"carat": -1, "cut": "no", "extra": 1}, FIELDS, "#"))
    assert [one.pointer for one in found] == ["#/extra", "#/carat", "#/cut", "#/count", "#/note", "#/urgent"]
    assert {one.code for one in found[3:]} == {"missing_feature"}


@pytest.mark.parametrize("row", [None, 1, "x", [], [GOOD], True])
def test_what_is_no_object_is_no_row(row: Any) -> None:
    (found,) = list(row_faults(row, FIELDS, "#/0"))
    assert (found.pointer, found.code) == ("#/0", "wrong_type")


def test_an_endless_object_is_not_read_through() -> None:
    (found,) = list(row_faults({f"k{i}": 1 for i in range(MAX_KEYS + 1)}, FIELDS, "#"))
    assert found.code == "too_many_keys"


def test_a_whole_number_may_be_spelt_as_a_fraction_and_becomes_one() -> None:
    kind = question_type("Question", FIELDS)
    made: Any = row_of(GOOD | {"count": 3.0, "carat": 2}, FIELDS, kind)
    assert (made.count, type(made.count)) == (3, int)
    assert (made.carat, type(made.carat)) == (2.0, float)
    assert made.discount is None


def test_a_row_that_was_not_checked_is_refused_all_the_same() -> None:
    with pytest.raises(QuestionInvalid):
        row_of({"carat": "x"}, FIELDS, question_type("Question", FIELDS))
