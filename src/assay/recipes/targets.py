"""Regressors that learn a transformed target and answer in the target's own unit."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone


class LogTarget(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """Fits `estimator` on the natural logarithm of the target and answers with the exponential, always positive.

    An error on the logarithm is an error in per cent: a small and a large target weigh the same.
    """

    # What a compiled graph appends to that of `estimator_`: the name of an ONNX operation.
    graph_output: ClassVar[str] = "Exp"

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, rows: Any, target: Any) -> Self:
        """`rows` as the estimator takes them, `target` float64 [n], all above 0; raises ValueError otherwise."""
        known = np.asarray(target, dtype=np.float64)
        if not (np.isfinite(known).all() and (known > 0).all()):
            raise ValueError(
                "a logarithm needs targets above 0, and the smallest here is"
                f" {np.min(known):g}; set such rows aside with a cleaning rule"
            )
        self.estimator_ = clone(self.estimator).fit(rows, np.log(known))
        return self

    def predict(self, rows: Any) -> NDArray[np.float64]:
        """float64 [n], in the target's unit."""
        return np.exp(np.asarray(self.estimator_.predict(rows), dtype=np.float64))


def on_log_target(estimator: Any) -> LogTarget:
    """The estimator, learning the logarithm of the target."""
    return LogTarget(estimator)
