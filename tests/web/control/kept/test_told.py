"""A failure is told with its code and the times that matter, and never with a place on the server."""

from __future__ import annotations

from assay.domain.items.score import Failure
from assay.web.control.kept.told import failure_json


def test_a_failure_is_told_without_the_places_of_files() -> None:
    found = Failure(
        item="1" * 32, model="notes", version=3, at=0, attempts=2, retry_at=60_000_000, code="audio_rejected",
        error="/home/somebody/files/one.wav: it ends in the middle.",
    )  # fmt: skip
    assert failure_json(found) == {
        "model": "notes", "version": 3, "code": "audio_rejected", "error": "one.wav: it ends in the middle.", "attempts": 2,
        "failed_at": "1970-01-01T00:00:00.000000Z", "retry_at": "1970-01-01T00:01:00.000000Z",
    }  # fmt: skip
