"""Differences are those of the metrics, intervals hold the truth as often as they say, and repeat exactly."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import assay
from assay.errors import DataInvalid
from assay.training import paired as module
from assay.training.evaluate import metrics, score
from assay.training.paired import Difference, by_segment, paired

METRICS = ("mae", "rmse", "mape", "r2")
Floats = NDArray[np.float64]


def answered(count: int, seed: int, *, noise: float = 0.1) -> tuple[Floats, Floats, Floats]:
    """Prices, and two versions that answer them, the second with this noise; their errors are related."""
    draw = np.random.default_rng(seed)
    truth = draw.lognormal(8, 0.8, count)
    shared = draw.normal(0, 0.05, count)
    one, other = (truth * np.exp(shared + draw.normal(0, spread, count)) for spread in (0.1, noise))
    return truth, one, other


@pytest.mark.parametrize("metric", METRICS)
def test_the_difference_is_that_of_the_metrics(metric: str) -> None:
    truth, one, other = answered(200, 1, noise=0.3)
    truth[::7] = 0  # left out of MAPE
    found = paired(truth, one, other, metric)
    assert found.value == pytest.approx(metrics(truth, other)[metric] - metrics(truth, one)[metric])
    assert found.low < found.value < found.high
    assert found.low > 0 or metric == "r2"
    assert found.better == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("metric", METRICS)
def test_better_is_told_in_the_metrics_direction(metric: str) -> None:
    truth, one, other = answered(400, 2, noise=0.02)
    assert paired(truth, one, other, metric).better > 0.99
    assert paired(truth, other, one, metric).better < 0.01


@pytest.mark.parametrize("metric", METRICS)
def test_the_interval_is_that_of_a_bootstrap_row_by_row(metric: str) -> None:
    truth, one, other = answered(60, 3, noise=0.15)
    truth[:5] = 0
    draw = np.random.default_rng(11)
    again = []
    for _ in range(4000):
        rows = draw.integers(0, 60, 60)
        again.append(metrics(truth[rows], other[rows])[metric] - metrics(truth[rows], one[rows])[metric])
    found = paired(truth, one, other, metric)
    width = found.high - found.low
    assert [found.low, found.high] == pytest.approx(np.quantile(again, [0.025, 0.975]).tolist(), abs=0.08 * width)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    draws = [paired(*answered(150, seed, noise=0.1), "mape", resamples=400) for seed in range(300)]
    held = sum(found.low <= 0 <= found.high for found in draws)  # both versions are equally good
    assert 0.90 <= held / 300 <= 0.985


@pytest.mark.parametrize("metric", METRICS)
def test_many_rows_are_linearised_and_agree_with_resampling(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = answered(20_000, 4, noise=0.102)
    found = paired(*rows, metric)
    monkeypatch.setattr(module, "MANY", 10**9)
    drawn = paired(*rows, metric)
    width = drawn.high - drawn.low
    assert found.value == drawn.value
    assert [found.low, found.high] == pytest.approx([drawn.low, drawn.high], abs=0.1 * width)
    assert found.better == pytest.approx(drawn.better, abs=0.05)


def test_the_same_rows_give_the_same_and_a_seed_or_a_confidence_another() -> None:
    rows = answered(300, 5)
    found = paired(*rows, "mae")
    assert paired(*rows, "mae") == found
    assert paired(*rows, "mae", seed=1).low != found.low
    wide = paired(*rows, "mae", confidence=0.99)
    assert (wide.low < found.low, wide.high > found.high) == (True, True)


def test_equal_answers_do_not_differ() -> None:
    truth, one, _ = answered(100, 6)
    for metric in METRICS:
        assert paired(truth, one, one, metric) == Difference(value=0, low=0, high=0, better=0)
    truth, one, _ = answered(20_000, 6)
    assert paired(truth, one, one, "mae") == Difference(value=0, low=0, high=0, better=0)


@pytest.mark.parametrize(
    ("truth", "metric"), [([], "mae"), ([0.0, 0.0], "mape"), ([2.0], "r2"), ([3.0, 3.0, 3.0], "r2")]
)
def test_a_metric_that_is_not_defined_is_refused(truth: list[float], metric: str) -> None:
    known = np.array(truth)
    with pytest.raises(DataInvalid, match=f"{metric.upper()} is not defined for these {len(truth)} rows"):
        paired(known, known + 1, known + 2, metric)


@pytest.mark.parametrize("count", [2, 3])
def test_a_few_rows_are_enough_for_an_answer(count: int) -> None:
    truth, one, other = answered(count, 8)
    for metric in METRICS:
        found = paired(truth, one, other, metric)
        assert np.isfinite([found.low, found.high]).all()
        assert found.low <= found.high


def test_a_million_rows_need_less_than_100_megabytes() -> None:
    rows = answered(1_000_000, 9)
    few = answered(19_999, 9)
    tracemalloc.start()
    try:
        for given, metric in ((rows, "mape"), (rows, "r2"), (few, "r2")):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            paired(*given, metric, resamples=200)
            assert tracemalloc.get_traced_memory()[1] - before < 100e6
    finally:
        tracemalloc.stop()


class Stone(assay.Input):
    carat: float = assay.Number()


def test_segments_are_those_of_the_evaluation_in_the_models_metric() -> None:
    told: dict[str, Any] = {"segments": {"carat": [0.5, 1, 2]}, "metric": "rmse"}
    stone = assay.Model("stone", input=Stone, target="price", **told)
    truth, one, other = answered(300, 10, noise=0.2)
    rows = pl.DataFrame({"carat": np.linspace(0, 1.9, 300), "price": truth})
    found = by_segment(stone, rows, one, other)
    first, second = (score(truth, given, rows, stone.segments).segments for given in (one, other))
    assert list(found) == list(first) == ["carat <0.5", "carat 0.5-1", "carat 1-2"]
    assert {name: one.value for name, one in found.items()} == pytest.approx(
        {name: second[name]["rmse"] - first[name]["rmse"] for name in first}
    )


def test_a_segment_without_rows_is_left_out() -> None:
    stone = assay.Model("stone", input=Stone, target="price", segments={"carat": [0, 1, 2, 3]})
    truth, one, other = answered(30, 11)
    rows = pl.DataFrame({"carat": [0.5] * 20 + [2.5] * 10, "price": truth})
    assert list(by_segment(stone, rows, one, other)) == ["carat 0-1", "carat 2-3"]
