"""Scores are those of the answers as they would be served, overall and by bin."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

import assay
from assay.errors import BadOutput
from assay.training.evaluate import evaluate, judged, metrics, score
from assay.training.lesson import Lesson, lesson

NUMBERS = st.floats(1, 1e4)


class Stone(assay.Input):
    carat: float = assay.Number()


class Says:
    def __init__(self, answers: list[float]) -> None:
        self.answers = answers

    def predict(self, rows: pl.DataFrame) -> Any:
        assert rows.columns == ["carat"]
        return np.array(self.answers)


ROWS = pl.DataFrame({"carat": [0.2, 0.5, 0.9, 1.0, 3.0], "price": [10.0, 20.0, 30.0, 40.0, 50.0]})


def model(**told: Any) -> assay.Model[Stone]:
    return assay.Model("stone", input=Stone, target="price", **told)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=3, max_size=30, unique_by=lambda pair: pair[0]))
def test_each_metric_is_that_of_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    truth, answers = np.array(pairs).T
    found = metrics(truth, answers)
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(truth, answers))
    assert found["rmse"] == pytest.approx(reference.root_mean_squared_error(truth, answers))
    assert found["mape"] == pytest.approx(reference.mean_absolute_percentage_error(truth, answers))
    assert found["r2"] == pytest.approx(reference.r2_score(truth, answers), rel=1e-6)


def test_a_metric_that_is_not_defined_is_left_out() -> None:
    assert metrics(np.array([]), np.array([])) == {}
    assert metrics(np.array([2.0]), np.array([3.0])) == {"mae": 1, "rmse": 1, "mape": 0.5}
    assert metrics(np.array([0.0, 0.0]), np.array([1.0, 1.0])) == {"mae": 1, "rmse": 1}


def test_neither_floor_nor_rounding_flatters_a_recipe() -> None:
    said = Says([-5.0, 20.004, 30.0, 40.0, 50.0])
    assert evaluate(model(), said, lesson(model(), ROWS)).metrics["mae"] == pytest.approx((15 + 0.004) / 5)
    assert evaluate(model(floor=1.0, decimals=2), said, lesson(model(), ROWS)).metrics["mae"] == pytest.approx(
        (15 + 0.004) / 5
    )


def test_a_bin_holds_its_lower_edge_and_rows_beyond_the_edges_have_bins_of_their_own() -> None:
    answers = ROWS["price"].to_numpy() + np.array([1.0, 2, 4, 8, 16])
    found = score(ROWS["price"].to_numpy(), answers, ROWS, {"carat": [0.5, 1, 2]}).segments
    assert {name: (bin["rows"], bin["mae"]) for name, bin in found.items()} == {
        "carat <0.5": (1, 1), "carat 0.5-1": (2, 3), "carat 1-2": (1, 8), "carat >=2": (1, 16),
    }  # fmt: skip
    assert "r2" not in found["carat 1-2"]


def test_an_empty_bin_says_that_it_has_no_rows_and_empty_ends_are_left_out() -> None:
    found = score(ROWS["price"].to_numpy(), ROWS["price"].to_numpy(), ROWS, {"carat": [0, 1.5, 2.5, 4]}).segments
    assert list(found) == ["carat 0-1.5", "carat 1.5-2.5", "carat 2.5-4"]
    assert found["carat 1.5-2.5"] == {"rows": 0}


def test_answers_that_are_too_few_or_no_numbers_are_refused() -> None:
    for answers in ([1.0], [1.0, 2, 3, 4, float("nan")]):
        with pytest.raises(BadOutput):
            evaluate(model(), Says(answers), lesson(model(), ROWS))


def test_labels_are_judged_together_and_each_as_a_segment() -> None:
    words = assay.Model("words", input=Stone, target="said", labels=("low", "high"), metric="average_precision")
    truth = np.array([[True, False], [False, True], [False, False], [True, True]])
    told = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.6], [0.7, 0.4]])
    held_out = Lesson(rows=pl.DataFrame(), asked=None, truth=truth, row=np.arange(4))
    found = judged(words, held_out, told)
    assert found.rows == 4
    assert found.metrics["average_precision"] == pytest.approx(
        reference.average_precision_score(truth, told, average="macro")
    )
    assert list(found.segments) == ["low", "high"]
    assert found.segments["low"]["rows"] == 2
    assert found.segments["low"]["average_precision"] == 1.0
