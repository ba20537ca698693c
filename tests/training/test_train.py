"""A fit is complete and reproducible, and a recipe that fails says why and stops nobody."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from xgboost import XGBRegressor

import assay
from assay.recipes import ordinal
from assay.store.work.trials import KeptTrial
from assay.training.split import split
from assay.training.train import Failed, Fitted, code_digest, fit, libraries


class Stone(assay.Input):
    carat: float = assay.Number(above=0)


class Endless(DummyRegressor):  # type: ignore[misc]  # scikit-learn publishes no types
    def predict(self, rows: Any) -> Any:
        return super().predict(rows) * np.inf


CARAT = np.linspace(0.2, 3, 60)
ROWS = pl.DataFrame({"carat": CARAT, "price": 1000 * CARAT + 10})
TRAIN, TEST = split(ROWS, 0.2, 42)


def trees(count: int) -> Any:
    return XGBRegressor(n_estimators=count, max_depth=2, n_jobs=1, random_state=0)


def stone() -> assay.Model[Stone]:
    made = assay.Model("stone", input=Stone, target="price", segments={"carat": [0, 1, 2]})

    @made.recipe
    def linear() -> Any:
        return LinearRegression()

    @made.recipe(trials=6)
    def boosted(trial: Any) -> Any:
        return make_pipeline(ordinal(Stone), trees(trial.suggest_int("trees", 1, 40)))

    @made.recipe
    def broken() -> Any:
        raise RuntimeError("no such thing\nand more lines")

    @made.recipe
    def endless() -> Any:
        return Endless()

    return made


def fitted(name: str, **told: Any) -> Fitted:
    made = fit(stone(), stone().recipes[name], TRAIN, TEST, **told)
    assert isinstance(made, Fitted), made
    return made


def test_a_plain_recipe_is_fitted_on_the_training_rows_and_judged_on_the_others() -> None:
    made = fitted("linear")
    assert made.metrics["mae"] < 1e-6
    assert (made.train_rows, made.test_rows, made.seed, made.parameters) == (48, 12, 42, {})
    assert sum(one["rows"] for one in made.segments.values()) == 12
    assert made.took_ms >= 0


def test_a_tuned_recipe_is_made_again_with_its_best_parameters_and_learns_from_all_training_rows() -> None:
    made, again = fitted("boosted"), fitted("boosted")
    assert made.estimator[-1].n_estimators == made.parameters["trees"]
    assert (made.parameters, made.metrics) == (again.parameters, again.metrics)
    alone = make_pipeline(ordinal(Stone), trees(made.parameters["trees"]))
    alone.fit(TRAIN.select("carat"), TRAIN["price"].to_numpy())
    assert np.array_equal(alone.predict(TEST.select("carat")), made.estimator.predict(TEST.select("carat")))


def test_a_fit_says_how_its_search_went_and_takes_what_is_known() -> None:
    kept: dict[int, KeptTrial] = {}

    class Kept:
        def known(self) -> list[KeptTrial]:
            return list(kept.values())

        def keep(self, trial: KeptTrial) -> None:
            kept[trial.number] = trial

    first, again = fitted("boosted", memory=Kept()), fitted("boosted", memory=Kept())
    assert first.tuned is not None
    assert again.tuned is not None
    assert (first.tuned.trials, first.tuned.known, again.tuned.known) == (6, 0, 6)
    assert (first.parameters, first.metrics) == (again.parameters, again.metrics)
    assert fitted("linear").tuned is None


def test_the_number_of_trials_can_be_said_anew() -> None:
    told: list[int] = []
    fitted("boosted", trials=2, progress=lambda done, of, best: told.append(of))
    assert told == [2, 2]


@pytest.mark.parametrize(
    ("name", "said"),
    [("broken", "RuntimeError: no such thing (test_train.py, line 55)."), ("endless", "BadOutput: 12 rows were asked")],
)
def test_a_recipe_that_fails_says_why_in_one_sentence(name: str, said: str) -> None:
    made = fit(stone(), stone().recipes[name], TRAIN, TEST)
    assert isinstance(made, Failed)
    assert made.error.startswith(said)
    assert "\n" not in made.error
    assert (made.recipe, made.train_rows, made.test_rows) == (name, 48, 12)


APPLICATION = """
import assay
class Stone(assay.Input):
    carat: float = assay.Number(above=0)
price = assay.Model("stone", input=Stone, target="price")
@price.recipe
def linear():
    return {result}
"""


def loaded(file: Path, result: str) -> Any:
    file.write_text(APPLICATION.format(result=result))
    spec = importlib.util.spec_from_file_location("application", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.price


def test_the_code_digest_is_that_of_the_files_content_and_not_of_their_folder(tmp_path: Path) -> None:
    for name in ("here", "there", "changed"):
        (tmp_path / name).mkdir()
    here = code_digest(loaded(tmp_path / "here" / "model.py", "1"))
    assert here == code_digest(loaded(tmp_path / "there" / "model.py", "1"))
    assert here != code_digest(loaded(tmp_path / "changed" / "model.py", "2"))
    assert len(here) == 64


def test_the_libraries_that_decide_what_a_fit_gives_are_told() -> None:
    assert {"python", "numpy", "scikit-learn", "onnx", "onnxruntime", "polars"} <= set(libraries())
