"""A shadow's mark only moves on, and counts what was asked and what was skipped, and why."""

from __future__ import annotations

from assay.domain.releases.shadow import Shadow

BEGUN = Shadow(rollout="r", version=7, model="stone", upto="0")


def test_a_mark_counts_what_it_passes() -> None:
    first = BEGUN.moved("1", 10, asked=3, skipped={"model_error": 2})
    second = first.moved("2", 20, asked=1, skipped={"model_error": 1, "too_late": 4})
    assert (second.asked, second.skipped, second.upto, second.at) == (4, 7, "2", 20)
    assert second.reasons == {"model_error": 3, "too_late": 4}
    assert second.skipped == sum(second.reasons.values())
    assert (BEGUN.asked, BEGUN.reasons) == (0, {})
