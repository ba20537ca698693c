"""Models with one label: estimators that answer with a logit become a confidence, trees and small networks alike."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

Floats = NDArray[np.float64]


class YesOrNo(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """How surely the one label is true: the logistic function of what `estimator` answers, which is fitted to 0 and 1.

    The estimator answers with a logit, as `XGBRegressor(objective="binary:logitraw")` and `Network` do.
    """

    # What a compiled graph appends to that of `estimator_`: the name of an ONNX operation.
    graph_output: ClassVar[str] = "Sigmoid"

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, rows: Any, truth: NDArray[np.bool_]) -> Self:
        """`rows` as the estimator takes them, `truth` bool [n, 1]; raises ValueError where there is not one label."""
        if truth.ndim != 2 or truth.shape[1] != 1:
            raise ValueError(f"a yes or no is one label, and there are {truth.shape[-1]}")
        self.estimator_ = clone(self.estimator).fit(rows, truth[:, 0].astype(np.float64))
        return self

    def predict_proba(self, rows: Any) -> Floats:
        """float64 [n, 1], in [0, 1]."""
        found: Floats = expit(np.asarray(self.estimator_.predict(rows), dtype=np.float64).reshape(-1, 1))
        return found


class Network(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # as above
    """A small network of rectified layers that answers with the logit of yes: scikit-learn's MLPClassifier.

    After fitting only its weights are kept: `layers_` are pairs of float64 [inputs, outputs] and [outputs].
    """

    def __init__(
        self, hidden: tuple[int, ...] = (32,), alpha: float = 1e-3, most_steps: int = 200, seed: int = 0
    ) -> None:
        self.hidden = hidden
        self.alpha = alpha
        self.most_steps = most_steps
        self.seed = seed

    def fit(self, rows: Any, target: Floats) -> Self:
        """`rows` float [n, inputs] without gaps, `target` 0 or 1 [n]."""
        network = MLPClassifier(
            self.hidden, alpha=self.alpha, max_iter=self.most_steps, early_stopping=True, n_iter_no_change=12, tol=1e-5,
            random_state=self.seed,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # enough steps are enough
            network.fit(np.asarray(rows, np.float64), np.asarray(target) > 0.5)
        self.layers_ = [
            (weights.astype(np.float64), bias.astype(np.float64))
            for weights, bias in zip(network.coefs_, network.intercepts_, strict=True)
        ]
        return self

    def predict(self, rows: Any) -> Floats:
        """float64 [n]: the logits."""
        found = np.asarray(rows, np.float64)
        *inner, (weights, bias) = self.layers_
        for inward, shift in inner:
            found = np.maximum(found @ inward + shift, 0.0)
        answer: Floats = (found @ weights + bias).reshape(-1)
        return answer


def yes_or_no(estimator: Any) -> YesOrNo:
    """The estimator of a logit, as one of a model with one label."""
    return YesOrNo(estimator)
