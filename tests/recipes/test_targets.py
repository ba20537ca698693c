"""A regressor on the logarithm learns percentages and never answers nought or less."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

from assay.recipes.targets import on_log_target

ROWS = np.arange(10, dtype=float).reshape(-1, 1)


def test_what_grows_by_a_percentage_is_learnt_exactly() -> None:
    target = 3 * 1.5 ** ROWS[:, 0]
    made = clone(on_log_target(LinearRegression())).fit(ROWS, target)
    assert np.allclose(made.predict(ROWS), target, rtol=1e-12)


def test_no_answer_is_nought_or_less_however_far_the_question_lies() -> None:
    made = on_log_target(LinearRegression()).fit(ROWS, 3 * 1.5 ** ROWS[:, 0])
    assert (made.predict(np.array([[-500.0], [-50.0]])) > 0).all()


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_a_target_without_a_logarithm_is_refused_in_a_sentence(bad: float) -> None:
    target = np.ones(10)
    target[3] = bad
    with pytest.raises(ValueError, match="a logarithm needs targets above 0"):
        on_log_target(LinearRegression()).fit(ROWS, target)
