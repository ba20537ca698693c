"""A batch is as large as a model answers in a quarter of a second, and begins with one question."""

from __future__ import annotations

import pytest

from assay.jobs.pace import AIM_US, MOST_ROWS, Pace


def test_a_quick_model_is_soon_given_as_many_as_there_may_be() -> None:
    pace, given = Pace(), []
    for _ in range(4):
        given.append(pace.rows)
        pace.learn(pace.rows, 500)
    assert given == [1, 8, 64, MOST_ROWS]


@pytest.mark.parametrize("per_row_us", [1_000, 20_000, AIM_US, 2_000_000])
def test_a_slow_one_is_given_no_more_than_it_answers_in_time(per_row_us: int) -> None:
    pace = Pace()
    for _ in range(10):
        pace.learn(pace.rows, pace.rows * per_row_us)
    assert pace.rows == pytest.approx(max(1, min(AIM_US // per_row_us, MOST_ROWS)), abs=1)


def test_one_that_becomes_slow_is_given_fewer_at_once() -> None:
    pace = Pace()
    for _ in range(5):
        pace.learn(pace.rows, 10)
    pace.learn(MOST_ROWS, 30_000_000)
    assert pace.rows == 4
