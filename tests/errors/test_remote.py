"""A remote model's trouble is told as such, and still is a model's failure to whoever knows only of those."""

from __future__ import annotations

import pytest

from assay import errors
from assay.web.problems import problem_of, status_of

STATUS = {
    errors.RemoteModelUnreachable: 502, errors.RemoteModelFailed: 502, errors.RemoteModelRefused: 502,
    errors.RemoteModelBadAnswer: 502, errors.RemoteModelResting: 503, errors.RemoteModelTimedOut: 504,
}  # fmt: skip


@pytest.mark.parametrize("kind", STATUS)
def test_each_has_its_status_and_its_code(kind: type[errors.AssayError]) -> None:
    assert status_of(kind("x")) == STATUS[kind]
    assert kind.code.startswith("remote_model_")
    assert issubclass(kind, errors.ModelFailed | errors.ModelTimedOut)


def test_one_that_is_away_is_no_reason_to_call_its_version_broken() -> None:
    away = errors.RemoteModelAway(7, "http://127.0.0.1:8010 failed (500).")
    assert status_of(away) == 503
    assert not isinstance(away, errors.ModelFailed | errors.VersionRejected)
    said = (
        "The remote model of version 7 does not answer now (http://127.0.0.1:8010 failed (500)); nothing was changed."
    )
    assert str(away) == said


def test_whom_was_asked_is_for_the_log_only() -> None:
    _, body, headers = problem_of(errors.RemoteModelResting("http://10.0.0.5 is down"), "1")
    assert b"10.0.0.5" not in body
    assert (b"retry-after", b"1") in headers
