"""What is not there is named, and cut short where its name is endless."""

from __future__ import annotations

from assay import errors
from assay.web.problems import problem_of


def test_what_a_caller_sent_is_shown_at_most_in_part() -> None:
    endless = "x" * 10_000
    for error in (errors.ModelNotFound(endless), errors.DuplicateKey(endless), errors.VersionNotFound("m", endless)):
        assert len(str(error)) < 200


def test_where_nothing_was_trained_it_says_what_to_do() -> None:
    assert "assay train" in str(errors.NothingReleased("stone"))


def test_rows_that_are_suspect_are_rows_that_cannot_be_used() -> None:
    assert issubclass(errors.DataSuspect, errors.DataInvalid)


def test_what_is_in_no_collection_is_named_briefly() -> None:
    assert "'other'" in str(errors.CollectionNotFound("other"))
    said = str(errors.ItemNotFound("files", "x" * 5_000))
    assert "'files'" in said
    assert len(said) < 200


def test_a_rule_is_the_code_that_programs_know() -> None:
    status, body, _ = problem_of(errors.ItemRejected("An item's name is long.", "invalid_name"), "id")
    assert (status, b'"invalid_name"' in body) == (422, True)
    assert (
        problem_of(errors.CollectionNotFound("x"), "id")[0] == problem_of(errors.ItemNotFound("x", "y"), "id")[0] == 404
    )
