"""A second stage learns what the first one leaves."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from assay.recipes.stages import in_stages

ROWS = np.linspace(0, 10, 101).reshape(-1, 1)
TARGET = 3 * ROWS[:, 0] + (ROWS[:, 0] > 5)


def test_both_stages_together_fit_what_neither_fits_alone() -> None:
    line, tree = LinearRegression(), DecisionTreeRegressor(max_depth=3, random_state=0)
    error = {
        name: np.abs(clone(made).fit(ROWS, TARGET).predict(ROWS) - TARGET).mean()
        for name, made in {"line": line, "tree": tree, "both": in_stages(line, tree)}.items()
    }
    assert error["both"] < 0.5 * min(error["line"], error["tree"])


def test_the_answer_is_the_sum_of_its_terms_and_still_grows_beyond_the_rows() -> None:
    made = clone(in_stages(LinearRegression(), DecisionTreeRegressor(max_depth=2))).fit(ROWS, TARGET)
    beyond = np.array([[20.0], [30.0]])
    first, then = (term.predict(beyond) for term in made.terms_)
    assert np.array_equal(made.predict(beyond), first + then)
    assert np.diff(made.predict(beyond))[0] > 25
