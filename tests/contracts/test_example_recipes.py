"""Every recipe of the examples learns, is stored, and is compiled to a graph that is proved equal to it.

What is stored here are files: no database is opened, neither of the two.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from assay.serving.engines.compile import compile_pipeline, prove
from assay.sources.files import read_rows
from assay.store.files.formats import dump_pipeline, load_pipeline
from assay.training.evaluate import metrics
from assay.training.snapshot import take
from assay.training.split import split
from assay.training.train import Fitted, fit

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("ASSAY_SHARED", ROOT.parent / "shared"))
TABLE = SHARED / "data" / "diamonds" / "diamonds.csv"
real = pytest.mark.skipif(not TABLE.exists(), reason="the real table of diamonds is not beside this repository")


def loaded(file: str) -> Any:
    path = ROOT / file
    spec = importlib.util.spec_from_file_location(f"example_{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DIAMONDS, MADE_UP = loaded("examples/diamonds/model.py"), loaded("examples/diamonds/data.py")
BOOSTED = loaded("bench/apps/boosted/model.py")
MODELS = {"diamonds": DIAMONDS.price, "boosted": BOOSTED.price}


@pytest.mark.parametrize(
    ("application", "recipe"), [(name, one) for name, made in MODELS.items() for one in made.recipes]
)
def test_a_recipe_is_fitted_stored_compiled_and_proved(application: str, recipe: str) -> None:
    model = MODELS[application]
    rows = take(model, MADE_UP.rows(1500), "made up").rows
    train, test = split(rows, model.test_size, model.seed)
    fitted = fit(model, model.recipes[recipe], train, test, trials=3)
    assert isinstance(fitted, Fitted), fitted
    asked = test.select(list(model.fields))
    again = load_pipeline(dump_pipeline(fitted.estimator, ()), ())
    assert np.array_equal(again.predict(asked), fitted.estimator.predict(asked))
    proof = prove(compile_pipeline(fitted.estimator, model.contract), fitted.estimator, rows, model.contract)
    assert proof.rows == rows.height
    assert proof.batch_invariant


@real
@pytest.mark.parametrize(
    ("recipe", "mae"), [("linear", 760.8), ("log-linear", 561.6), ("positive", 415), ("staged", 295)]
)
def test_on_the_real_table_the_figures_are_reached(recipe: str, mae: float) -> None:
    model = DIAMONDS.price
    taken = take(model, read_rows(TABLE), str(TABLE))
    assert (taken.dataset.rows, taken.dataset.removed) == (4988, 11)
    train, test = split(taken.rows, model.test_size, model.seed)
    fitted = fit(model, model.recipes[recipe], train, test)
    assert isinstance(fitted, Fitted), fitted
    raw = fitted.estimator.predict(test.select(list(model.fields)))
    assert metrics(test["price"].to_numpy(), raw)["mae"] < mae
    assert fitted.metrics["mae"] <= mae
    assert np.min(model.contract.target.finish(raw.tolist())) >= 1


@real
def test_a_better_grade_or_more_weight_never_lowers_the_price_of_the_positive_recipe() -> None:
    model = DIAMONDS.price
    fitted = model.recipes["positive"].make()
    rows = take(model, read_rows(TABLE), str(TABLE)).rows
    fitted.fit(rows.select(list(model.fields)), rows["price"].to_numpy())
    asked = rows.select(list(model.fields)).head(300)
    for name in ("cut", "color", "clarity"):
        prices = [fitted.predict(asked.with_columns(pl.lit(word).alias(name))) for word in model.fields[name].values]
        assert (np.diff(prices, axis=0) >= 0).all()
    assert (fitted.predict(asked.with_columns(carat=pl.col("carat") * 1.1)) > fitted.predict(asked)).all()


def test_made_up_stones_have_the_tables_columns_and_flaws_and_are_the_same_for_the_same_seed() -> None:
    rows = MADE_UP.rows()
    assert rows.columns == "carat cut color clarity depth table price x y z".split()
    assert rows.height == 5000
    assert rows.equals(MADE_UP.rows(5000, 42))
    assert not rows.equals(MADE_UP.rows(5000, 43))
    removed = take(DIAMONDS.price, rows, "made up").removed
    assert {one.reason.split(":")[0] for one in removed} == {"plausible"}
    assert len(removed) == rows.filter((pl.col("x") == 0) | (pl.col("price") <= 0)).height > 5


def test_the_example_question_is_accepted() -> None:
    question = DIAMONDS.price.contract.example()
    assert question == {
        "carat": 1.0, "cut": "Ideal", "color": "E", "clarity": "VVS1", "depth": 61.0, "table": 55.0,
        "x": 6.5, "y": 6.5, "z": 4.0,
    }  # fmt: skip
    assert msgspec.convert(question, DIAMONDS.Stone).carat == 1
