"""A refused request says what was wrong with which part of it, and shows of what was sent at most a part."""

from __future__ import annotations

from assay import errors
from assay.errors import Fault, QuestionInvalid


def test_a_refused_question_names_the_first_fault_and_counts_the_others() -> None:
    faults = (Fault("#/cut", "must be one of Fair, Good"), Fault("#/carat", "is missing"))
    assert str(QuestionInvalid(faults)) == "#/cut: must be one of Fair, Good (and 1 more)"
    assert str(QuestionInvalid(faults[:1])) == "#/cut: must be one of Fair, Good"
    many = QuestionInvalid(faults, more=True)
    assert many.more
    assert many.faults == faults
    assert "1 or more" in str(many)


def test_a_method_that_is_not_allowed_tells_which_are() -> None:
    assert errors.MethodNotAllowed("GET, POST").allow == "GET, POST"


def test_a_refused_parameter_carries_a_fault_that_names_it() -> None:
    (fault,) = errors.ParameterInvalid("limit", "must be a whole number").faults
    assert (fault.pointer, fault.code) == ("limit", "invalid_parameter")


def test_of_too_many_rows_it_says_how_many_and_how_many_may_be() -> None:
    assert str(errors.TooManyRows(10, 5)) == "The list has 10 rows; one request carries at most 5."
