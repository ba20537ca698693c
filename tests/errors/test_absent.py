"""What is not there is named, and cut short where its name is endless."""

from __future__ import annotations

from assay import errors


def test_what_a_caller_sent_is_shown_at_most_in_part() -> None:
    endless = "x" * 10_000
    for error in (errors.ModelNotFound(endless), errors.DuplicateKey(endless), errors.VersionNotFound("m", endless)):
        assert len(str(error)) < 200


def test_where_nothing_was_trained_it_says_what_to_do() -> None:
    assert "assay train" in str(errors.NothingReleased("stone"))


def test_rows_that_are_suspect_are_rows_that_cannot_be_used() -> None:
    assert issubclass(errors.DataSuspect, errors.DataInvalid)
