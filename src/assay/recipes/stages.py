"""Regressors that learn in stages: one explains the most, the next learns what it leaves."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone


class Staged(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """Fits `first`, then `then` on the residuals of `first`; answers with the sum of both.

    With a linear model first and trees after it, the trees need not rebuild a slope out of steps, and the answer still
    grows where no training row lies.
    """

    def __init__(self, first: Any, then: Any) -> None:
        self.first = first
        self.then = then

    def fit(self, rows: Any, target: Any) -> Self:
        """`rows` as both estimators take them, `target` float64 [n]."""
        known = np.asarray(target, dtype=np.float64)
        first = clone(self.first).fit(rows, known)
        left = known - np.asarray(first.predict(rows), dtype=np.float64)
        self.terms_ = [first, clone(self.then).fit(rows, left)]
        return self

    def predict(self, rows: Any) -> NDArray[np.float64]:
        """float64 [n], in the target's unit."""
        first, then = (np.asarray(term.predict(rows), dtype=np.float64) for term in self.terms_)
        return np.asarray(first + then)


def in_stages(first: Any, then: Any) -> Staged:
    """`first`, and `then` on what it leaves."""
    return Staged(first, then)
