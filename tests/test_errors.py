"""Every way to fail is a sentence with a code of its own."""

from __future__ import annotations

import pytest

from assay import errors
from assay.errors import AssayError, Fault, QuestionInvalid

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AssayError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_says_in_its_docstring_what_happened(kind: type[AssayError]) -> None:
    assert (kind.__doc__ or "").strip().endswith(".")


def test_no_two_errors_share_a_code() -> None:
    codes = [kind.code for kind in KINDS]
    assert sorted(set(codes)) == sorted(codes)


def test_without_a_message_the_docstring_is_the_message() -> None:
    assert str(errors.TooDeep()) == "The body nests deeper than 32 levels."
    assert str(errors.TooDeep("Deeper than that.")) == "Deeper than that."


def test_the_code_is_the_name_unless_another_word_is_known() -> None:
    assert errors.VersionNotFound.code == "version_not_found"
    assert errors.StoreUnavailable.code == "storage_unavailable"


def test_a_refused_question_names_the_first_fault_and_counts_the_others() -> None:
    faults = (Fault("#/cut", "must be one of Fair, Good"), Fault("#/carat", "is missing"))
    assert str(QuestionInvalid(faults)) == "#/cut: must be one of Fair, Good (and 1 more)"
    assert str(QuestionInvalid(faults[:1])) == "#/cut: must be one of Fair, Good"
    many = QuestionInvalid(faults, more=True)
    assert many.more
    assert many.faults == faults
    assert "1 or more" in str(many)


def test_what_a_caller_sent_is_shown_at_most_in_part() -> None:
    endless = "x" * 10_000
    for error in (errors.ModelNotFound(endless), errors.DuplicateKey(endless), errors.VersionNotFound("m", endless)):
        assert len(str(error)) < 200


def test_a_method_that_is_not_allowed_tells_which_are() -> None:
    assert errors.MethodNotAllowed("GET, POST").allow == "GET, POST"


def test_a_refused_parameter_carries_a_fault_that_names_it() -> None:
    (fault,) = errors.ParameterInvalid("limit", "must be a whole number").faults
    assert (fault.pointer, fault.code) == ("limit", "invalid_parameter")


def test_messages_hold_what_an_operator_needs_to_act() -> None:
    assert "--open" in str(errors.NotLoopback("0.0.0.0"))
    assert "--port" in str(errors.PortTaken("127.0.0.1", 8000, "Address already in use"))
    assert "4711" in str(errors.AlreadyServing("4711"))
    assert "unknown" in str(errors.AlreadyServing(""))
    assert "assay train" in str(errors.NothingReleased("stone"))
    assert "10 rows" in str(errors.TooManyRows(10, 5))
