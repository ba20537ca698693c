"""The search is reproducible, follows the metric's direction and never sees the rows held out for the evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.dummy import DummyRegressor

import assay
from assay.errors import RecipeFailed
from assay.training.tune import tune


class Stone(assay.Input):
    carat: float = assay.Number()


ROWS = pl.DataFrame({"carat": np.linspace(0, 1, 50), "price": np.linspace(90.0, 110.0, 50)})


def model(metric: Any = "mae", made: Any = None) -> assay.Model[Stone]:
    stone = assay.Model("stone", input=Stone, target="price", metric=metric)

    @stone.recipe(trials=8)
    def constant(trial: Any) -> Any:
        value = trial.suggest_float("value", 0, 1000)
        return made(value) if made else DummyRegressor(strategy="constant", constant=value)

    return stone


@pytest.mark.parametrize("metric", ["mae", "rmse", "mape", "r2"])
def test_the_best_trial_is_the_one_nearest_the_truth_in_every_metrics_direction(metric: str) -> None:
    stone = model(metric)
    tried: list[float] = []

    def made(value: float) -> Any:
        tried.append(value)
        return DummyRegressor(strategy="constant", constant=value)

    found = tune(model(metric, made), stone.recipes["constant"], ROWS, trials=12)
    assert (found.trials, found.failed) == (12, 0)
    assert abs(found.parameters["value"] - 100) < 100


def test_the_same_rows_and_seed_give_the_same_search() -> None:
    first, again = (tune(model(), model().recipes["constant"], ROWS, trials=15) for _ in range(2))
    assert first == again


def test_only_the_given_rows_are_learnt_from_and_a_fifth_of_them_is_held_out() -> None:
    seen: list[int] = []

    class Counts(DummyRegressor):  # type: ignore[misc]  # scikit-learn publishes no types
        def fit(self, rows: Any, target: Any) -> Any:
            seen.append(len(rows))
            return super().fit(rows, target)

    stone = model(made=lambda value: Counts(strategy="constant", constant=value))
    tune(stone, stone.recipes["constant"], ROWS, trials=2)
    assert seen == [40, 40]


def test_progress_tells_how_far_it_is_and_the_best_so_far() -> None:
    told: list[tuple[int, int, float | None]] = []
    found = tune(model(), model().recipes["constant"], ROWS, trials=5, progress=lambda *said: told.append(said))
    assert [(done, of) for done, of, _ in told] == [(place, 5) for place in range(1, 6)]
    best = [value for *_, value in told if value is not None]
    assert best == sorted(best, reverse=True)
    assert best[-1] == found.value


def test_a_trial_that_fails_is_counted_and_the_next_one_tried() -> None:
    def made(value: float) -> Any:
        if value > 500:
            raise ValueError("too large")
        return DummyRegressor(strategy="constant", constant=value)

    stone = model(made=made)
    found = tune(stone, stone.recipes["constant"], ROWS, trials=20)
    assert 0 < found.failed < 20
    assert found.parameters["value"] <= 500


def test_a_recipe_of_which_every_trial_fails_fails() -> None:
    def made(value: float) -> Any:
        raise ValueError("never")

    stone = model(made=made)
    with pytest.raises(RecipeFailed, match="All 3 trials of the recipe 'constant' failed"):
        tune(stone, stone.recipes["constant"], ROWS, trials=3)
