"""A recording that is refused has a word for its rule, and a status that says whose fault it is."""

from __future__ import annotations

import msgspec
import pytest

from assay import errors
from assay.errors import AssayError
from assay.web.problems import problem_of


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.AudioRejected("The recording has no samples.", "empty"), 422, "empty"),
        (errors.AudioRejected("It is not acceptable."), 422, "audio_rejected"),
        (errors.AudioUnsupported(), 415, "audio_unsupported"),
        (errors.AudioTooLong(), 413, "audio_too_long"),
    ],
)
def test_the_rule_is_the_code(error: AssayError, status: int, code: str) -> None:
    found, body, headers = problem_of(error, "0" * 32)
    told = msgspec.json.decode(body)
    assert (found, told["status"], told["code"]) == (status, status, code)
    assert told["detail"] == str(error)
    assert headers == []
