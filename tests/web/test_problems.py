"""Every error has one status, and is sent in one shape that leaks nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from assay import errors
from assay.errors import AssayError, Fault, QuestionInvalid
from assay.web.problems import STATUS, TITLES, code_of, problem_of, status_of


def problem(error: AssayError) -> tuple[int, Any, dict[bytes, bytes]]:
    status, body, headers = problem_of(error, "0" * 32)
    return status, msgspec.json.decode(body), dict(headers)


@pytest.mark.parametrize("kind", STATUS, ids=lambda kind: kind.__name__)
def test_every_status_has_a_title(kind: type[AssayError]) -> None:
    assert STATUS[kind] in TITLES


def test_what_the_table_does_not_know_is_our_fault() -> None:
    assert status_of(AssayError()) == status_of(errors.BadOutput()) == status_of(errors.ModelFailed()) == 500


def test_a_refusal_says_all_that_a_caller_needs() -> None:
    status, body, headers = problem(
        QuestionInvalid((Fault("#/cut", "must be one of a, b", "unknown_category", ("a", "b")),))
    )
    assert status == 422
    assert body == {
        "type": "about:blank", "title": "The request is not acceptable", "status": 422,
        "detail": "#/cut: must be one of a, b", "instance": "0" * 32, "code": "unknown_category",
        "errors": [{"pointer": "#/cut", "detail": "must be one of a, b", "code": "unknown_category", "allowed": ["a", "b"]}],
    }  # fmt: skip
    assert headers == {}


@pytest.mark.parametrize(
    "kind", [errors.ArtifactRejected, errors.StoreUnavailable, errors.ModelFailed, errors.Unstorable]
)
def test_paths_and_library_messages_stay_inside(kind: type[AssayError]) -> None:
    _, body, _ = problem(kind("/home/me/secret: no such file"))
    assert "secret" not in msgspec.json.encode(body).decode()
    assert body["detail"] == (kind.__doc__ or "").strip()


def test_who_may_come_again_is_told_when() -> None:
    for error in (errors.Overloaded(), errors.StoreUnavailable(), errors.IdempotencyInProgress()):
        assert problem(error)[2][b"retry-after"] == b"1"
    assert b"retry-after" not in problem(errors.VersionRejected())[2]


def test_what_would_have_been_accepted_is_told() -> None:
    assert problem(errors.MethodNotAllowed("GET"))[2] == {b"allow": b"GET"}
    assert problem(errors.UnsupportedMediaType())[2] == {b"accept-post": b"application/json"}


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ([Fault("#/a", "x", "wrong_type")], "wrong_type"),
        ([Fault("#/a", "x", "wrong_type"), Fault("#/b", "x", "wrong_type")], "wrong_type"),
        ([Fault("#/a", "x", "wrong_type"), Fault("#/b", "x", "out_of_range")], "question_invalid"),
        ([Fault("#/0/a", "x", "wrong_type")], "row_invalid"),
    ],
)
def test_faults_of_one_kind_give_the_refusal_its_code(faults: list[Fault], code: str) -> None:
    assert code_of(QuestionInvalid(tuple(faults)), tuple(faults)) == code


def test_refused_rows_have_the_word_of_their_rule() -> None:
    fault = Fault("#/3/cut", "must be one of a, b", "row_invalid")
    _, body, headers = problem(errors.DatasetRejected("Two lines are ragged.", "ragged_row"))
    assert (body["status"], body["code"], headers) == (422, "ragged_row", {})
    assert (
        problem(errors.DatasetRejected("Too many rows are broken.", faults=(fault,)))[1]["code"] == "dataset_rejected"
    )


def test_what_waiting_does_not_mend_is_not_to_be_waited_for() -> None:
    for error in (errors.QueryClosed(), errors.DatasetInUse(), errors.VersionRejected()):
        status, _, headers = problem(error)
        assert (status, b"retry-after" in headers) == (409, False)


def test_who_sends_another_file_is_told_which_are_taken() -> None:
    accepted = problem(errors.UnsupportedFile())[2][b"accept-post"].decode().split(", ")
    assert {"application/json", "text/csv", "application/vnd.apache.parquet"} <= set(accepted)
