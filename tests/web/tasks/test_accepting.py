"""Why a task failed is told as if it had been answered at once."""

from __future__ import annotations

import pytest

from assay import errors
from assay.domain.job import Job
from assay.errors import AssayError
from assay.web.problems import status_of
from assay.web.tasks.accepting import failure_of


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.ModelFailed, 500),
        (errors.ModelTimedOut, 504),
        (errors.QuestionInvalid, 422),
        (errors.VersionNotFound, 404),
    ],
)
def test_an_error_is_known_by_its_code(kind: type[AssayError], status: int) -> None:
    failed = failure_of(Job(id="a", at=1, verb="predict", state="failed", code=kind.code, error="As it was said."))
    assert isinstance(failed, kind)
    assert (str(failed), status_of(failed)) == ("As it was said.", status)


@pytest.mark.parametrize("code", ["worker_lost", "internal", ""])
def test_what_no_request_meets_is_an_internal_error(code: str) -> None:
    failed = failure_of(Job(id="a", at=1, verb="predict", state="failed", code=code, error="Lost."))
    assert (type(failed), status_of(failed)) == (AssayError, 500)
