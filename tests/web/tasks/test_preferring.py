"""What a client prefers is read as RFC 7240 has it, and what means nothing here changes nothing."""

from __future__ import annotations

import pytest

from assay.web.tasks.preferring import LONGEST_WAIT_S, Preference, preference_of


@pytest.mark.parametrize(
    ("header", "preference"),
    [
        (b"respond-async", Preference(True, None)),
        (b"Respond-Async", Preference(True, None)),
        (b"wait=5", Preference(False, 5)),
        (b'wait="5"', Preference(False, 5)),
        (b"respond-async, wait=10", Preference(True, 10)),
        (b"return=minimal , WAIT = 7 ;x=1, respond-async; foo", Preference(True, 7)),
        (b"wait=5, wait=9", Preference(False, 5)),
        (b"wait=600", Preference(False, LONGEST_WAIT_S)),
        (b"wait=0", Preference(False, 0)),
    ],
)
def test_a_preference_is_understood(header: bytes, preference: Preference) -> None:
    assert preference_of(header) == preference


@pytest.mark.parametrize(
    "header",
    [None, b"", b"return=minimal", b"wait", b"wait=", b"wait=soon", b"wait=-1", b"wait=1.5", b"wait=" + b"9" * 10],
)
def test_what_means_nothing_here_is_no_preference(header: bytes | None) -> None:
    assert preference_of(header) is None


@pytest.mark.parametrize(
    ("preference", "applied"),
    [(Preference(True, None), b"respond-async"), (Preference(False, 5), b"wait=5"), (Preference(True, 0), b"respond-async, wait=0")],
)  # fmt: skip
def test_what_is_done_of_it_is_told(preference: Preference, applied: bytes) -> None:
    assert preference.applied == applied
