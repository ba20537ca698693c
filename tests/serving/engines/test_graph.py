"""A graph has the contract's inputs and computes in the pipeline's own order and width."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import polars as pl
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from xgboost import XGBRegressor

import assay
from assay.recipes import Derive, in_stages, on_log_target, ordinal
from assay.serving.engines.graph import graph_of
from assay.serving.engines.runtime import onnx_runtime


class Stone(assay.Input):
    carat: float = assay.Number(above=0)
    cut: str = assay.Grade("Fair", "Good", "Ideal")
    x: float = assay.Number(at_least=0)
    z: float = assay.Number(at_least=0)


INPUTS = {name: bool(field.values) for name, field in Stone.assay_fields.items()}
DRAW = np.random.default_rng(7)
CARAT = DRAW.uniform(0.2, 3, 400).round(2)
ROWS = pl.DataFrame(
    {
        "carat": CARAT,
        "cut": DRAW.choice(["Fair", "Good", "Ideal"], 400),
        "x": (6.5 * np.cbrt(CARAT) + DRAW.normal(0, 0.1, 400)).round(2),
        "z": np.where(DRAW.random(400) < 0.05, 0, (4.1 * np.cbrt(CARAT)).round(2)),
    }
)
PRICE = np.exp(8 + 1.6 * np.log(CARAT) + DRAW.normal(0, 0.1, 400))


def opened(fitted: Any) -> Any:
    model = graph_of(fitted, INPUTS)
    onnx.checker.check_model(model)
    onnxruntime = onnx_runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # several threads would share the trees out and sum in another order
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def answers(fitted: Any, rows: pl.DataFrame = ROWS) -> NDArray[np.float32]:
    feed = {
        name: rows[name].to_numpy().reshape(-1, 1).astype(object if wordy else np.float32)
        for name, wordy in INPUTS.items()
    }
    found: NDArray[np.float32] = opened(fitted).run(None, feed)[0]
    assert found.shape == (rows.height, 1)
    assert found.dtype == np.float32
    return found[:, 0]


def test_a_graph_has_one_input_a_field_and_one_float_output() -> None:
    made = opened(make_pipeline(ordinal(Stone, ["carat"]), LinearRegression()).fit(ROWS, PRICE))
    assert [(given.name, given.type, given.shape[1:]) for given in made.get_inputs()] == [
        ("carat", "tensor(float)", [1]), ("cut", "tensor(string)", [1]), ("x", "tensor(float)", [1]),
        ("z", "tensor(float)", [1]),
    ]  # fmt: skip
    assert [(given.type, given.shape[1:]) for given in made.get_outputs()] == [("tensor(float)", [1])]


def test_trees_are_summed_in_the_order_of_xgboost_so_that_not_a_bit_differs() -> None:
    many = XGBRegressor(n_estimators=400, max_depth=4, learning_rate=0.03, n_jobs=1)
    fitted = make_pipeline(ordinal(Stone), many).fit(ROWS, np.log(PRICE))
    assert np.array_equal(answers(fitted), fitted.predict(ROWS))


def test_derived_features_are_the_same_bits_in_the_graph() -> None:
    # A tree with a leaf for each distinct value turns any other bit into another answer.
    deep = XGBRegressor(n_estimators=1, max_depth=14, learning_rate=1.0, min_child_weight=0, reg_lambda=0, n_jobs=1)
    sizes = {"q": "carat * (cut + 4) / (x + z / 3) - 0.1 * x * -z"}
    fitted = make_pipeline(ordinal(Stone, derive=sizes, keep=[]), deep).fit(ROWS, PRICE)
    assert len(np.unique(fitted.predict(ROWS))) > 150
    assert np.array_equal(answers(fitted), fitted.predict(ROWS))


def test_what_is_divided_by_nought_is_nought_in_the_graph_too() -> None:
    fitted = make_pipeline(ordinal(Stone, derive={"q": "carat / z"}, keep=[]), LinearRegression()).fit(ROWS, PRICE)
    nought = ROWS.with_columns(z=pl.lit(0.0))
    assert np.unique(answers(fitted, nought)) == pytest.approx([fitted[-1].intercept_], rel=1e-6)


def test_a_linear_model_is_summed_row_by_row_in_64_bits() -> None:
    fitted = make_pipeline(ordinal(Stone), LinearRegression()).fit(ROWS, PRICE + 1e7)
    assert answers(fitted) == pytest.approx(fitted.predict(ROWS), rel=2e-7)
    alone = np.concatenate([answers(fitted, ROWS[place]) for place in range(20)])
    assert np.array_equal(alone, answers(fitted)[:20])


def test_weights_of_a_vote_and_terms_of_a_sum_are_kept_apart() -> None:
    one, two = (
        make_pipeline(ordinal(Stone), LinearRegression()),
        make_pipeline(ordinal(Stone, ["x"]), LinearRegression()),
    )
    vote = VotingRegressor([("one", one), ("two", two)], weights=[1, 3]).fit(ROWS, PRICE)
    assert answers(vote) == pytest.approx(vote.predict(ROWS), rel=1e-5, abs=0.01)
    staged = on_log_target(in_stages(one, two)).fit(ROWS, PRICE)
    assert answers(staged) == pytest.approx(staged.predict(ROWS), rel=1e-6)


class Rounded(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """An author's own estimator, which a graph can follow by its attributes."""

    graph_output = "Floor"

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, rows: Any, target: Any) -> Any:
        self.estimator_ = self.estimator.fit(rows, target)
        return self

    def predict(self, rows: Any) -> Any:
        return np.floor(self.estimator_.predict(rows))


def test_an_estimator_of_the_authors_own_takes_part_by_its_attributes() -> None:
    fitted = Rounded(make_pipeline(ordinal(Stone), LinearRegression())).fit(ROWS, PRICE)
    assert np.array_equal(answers(fitted), fitted.predict(ROWS))


def test_a_derived_feature_can_stand_inside_or_behind_other_steps() -> None:
    fitted = make_pipeline(
        ordinal(Stone, ["carat", "x"]), Derive({"s": "carat * x"}, columns=["carat", "x"]), LinearRegression()
    ).fit(ROWS, PRICE)
    assert answers(fitted) == pytest.approx(fitted.predict(ROWS), rel=1e-6)
