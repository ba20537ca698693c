"""A subject is short printable text; anything else is refused."""

from __future__ import annotations

import pytest

from assay.domain.releases.subject import LONGEST_SUBJECT, subject_of
from assay.errors import BadSubject


@pytest.mark.parametrize("told", ["7", "user 7", "üser", "x" * LONGEST_SUBJECT, "ü" * (LONGEST_SUBJECT // 2), "☃"])
def test_a_subject_is_the_same_as_text_and_as_bytes(told: str) -> None:
    assert subject_of(told) == subject_of(told.encode()) == told


@pytest.mark.parametrize(
    "told",
    [
        "",
        "x" * (LONGEST_SUBJECT + 1),
        "ü" * (LONGEST_SUBJECT // 2 + 1),
        "a\nb",
        "a\x00",
        "\x7f",
        "\ud800",
        b"",
        b"\xff",
        b"a\x1b",
    ],
)
def test_anything_else_is_refused(told: str | bytes) -> None:
    with pytest.raises(BadSubject):
        subject_of(told)
