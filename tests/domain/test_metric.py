"""Each metric ranks in its own direction."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.metric import GREATER_IS_BETTER, Metric, better, rank_key

VALUES = st.floats(allow_nan=False, allow_infinity=False)


def test_every_metric_has_a_direction() -> None:
    assert set(GREATER_IS_BETTER) >= set(get_args(Metric))


@pytest.mark.parametrize("metric", ["mae", "rmse", "mape"])
def test_a_smaller_error_is_better(metric: str) -> None:
    assert better(metric, 1.0, 2.0)
    assert not better(metric, 2.0, 1.0)


def test_a_greater_r2_is_better_also_below_nought() -> None:
    assert better("r2", 0.9, 0.8)
    assert better("r2", -0.1, -0.2)
    assert not better("r2", -0.2, -0.1)


@pytest.mark.parametrize("metric", get_args(Metric))
@given(one=VALUES, other=VALUES)
def test_who_is_better_ranks_first_and_an_equal_is_not_better(metric: str, one: float, other: float) -> None:
    assert better(metric, one, other) == (rank_key(metric, one) < rank_key(metric, other))
    assert not better(metric, one, one)
