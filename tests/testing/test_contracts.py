"""The check of recipes passes a sound one, and catches every way of not keeping the contract."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

import assay
from assay.domain.recipe import Recipe
from assay.errors import ArtifactRejected
from assay.testing.contracts import check_recipe


class Stone(assay.Input):
    """A stone."""

    carat: float = assay.Number(above=0)
    depth: float = assay.Number()


DRAW = np.random.default_rng(0)
ROWS = pl.DataFrame({"carat": DRAW.uniform(0.1, 3, 200), "depth": DRAW.normal(60, 2, 200)}).with_columns(
    price=1000 * pl.col("carat") + pl.col("depth")
)
COUNTER = count()


class Endless(DummyRegressor):  # type: ignore[misc]  # scikit-learn publishes no types
    def predict(self, rows: Any) -> Any:
        return super().predict(rows) * np.inf


class Crowded(DummyRegressor):  # type: ignore[misc]  # scikit-learn publishes no types
    """Answers each row by all rows that are asked with it."""

    def predict(self, rows: Any) -> Any:
        return rows["carat"].to_numpy() - rows["carat"].to_numpy().mean()


class Moody(DummyRegressor):  # type: ignore[misc]  # scikit-learn publishes no types
    """Learns something else each time."""

    def fit(self, rows: Any, target: Any) -> Any:
        return super().fit(rows, np.asarray(target) + next(COUNTER))


def model(*trusted: type) -> assay.Model[Stone]:
    return assay.Model("stone", input=Stone, target="price", trusted=trusted)


def test_a_sound_recipe_keeps_the_contract() -> None:
    made = model()

    @made.recipe
    def linear() -> Any:
        return LinearRegression()

    check_recipe(made, "linear", ROWS)


def test_a_tuned_recipe_is_tuned_a_little() -> None:
    tried: list[int] = []

    def tree(trial: Any) -> Any:
        tried.append(trial.suggest_int("depth", 1, 5))
        return DecisionTreeRegressor(max_depth=tried[-1], random_state=0)

    check_recipe(model(), Recipe.of(tree, 100), ROWS, trials=2)
    assert len(tried) < 20


@pytest.mark.parametrize(
    ("estimator", "said"),
    [(Endless, "does not fit|not finite"), (Crowded, "alone"), (Moody, "fitted again")],
)  # fmt: skip
def test_a_recipe_that_does_not_keep_it_is_caught(estimator: type, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_recipe(model(estimator), Recipe.of(_making(estimator), 0), ROWS)


def test_a_recipe_that_raises_is_caught_with_its_own_words() -> None:
    def broken() -> Any:
        raise RuntimeError("out of order")

    with pytest.raises(AssertionError, match="out of order"):
        check_recipe(model(), Recipe.of(broken, 0), ROWS)


def test_a_recipe_that_cannot_be_stored_is_caught() -> None:
    with pytest.raises(ArtifactRejected, match="KNeighbors"):
        check_recipe(model(), Recipe.of(_making(KNeighborsRegressor), 0), ROWS)


def _making(estimator: type) -> Any:
    def make() -> Any:
        return estimator()

    return make
