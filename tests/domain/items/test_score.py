"""What readers are given goes forward: by decisions, and within one by runs."""

from __future__ import annotations

import pytest

from assay.domain.items.score import Standing


def standing(decision: int, run: int) -> Standing:
    return Standing(item="i", model="m", score="s", version=1, run=run, decision=decision, at=0)


@pytest.mark.parametrize(
    ("one", "other", "follows"),
    [
        ((2, 0), (1, 9), True),
        ((1, 9), (1, 8), True),
        ((1, 8), (1, 8), True),
        ((1, 7), (1, 8), False),
        ((1, 9), (2, 0), False),
    ],
)
def test_the_decision_counts_before_the_run(one: tuple[int, int], other: tuple[int, int], follows: bool) -> None:
    assert standing(*one).follows(standing(*other)) is follows
