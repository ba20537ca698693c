"""What readers are given can be told as JSON as it is."""

from __future__ import annotations

import msgspec

from assay.domain.items.reading import Confidence, Progress, Reading


def test_a_reading_is_told_whole() -> None:
    told = Reading(
        item="a" * 32, model="phrases", version=3, run=0, at=5, seconds=2, labels=("zero", "one"),
        confidences=(Confidence(label="one", second=1, confidence=0.25),),
    )  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(told), type=Reading) == told


def test_progress_that_has_not_begun_has_no_times() -> None:
    told = Progress(model="phrases", version=3, items=4, scored=0, failed=0)
    assert (told.began_at, told.finished_at, told.run) == (None, None, 0)
