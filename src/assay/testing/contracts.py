"""Contracts that any author's recipe must keep, as checks to be called from a test."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.domain.model import Model
from assay.domain.recipe import Recipe
from assay.store.files.formats import dump_pipeline, load_pipeline
from assay.training.snapshot import take
from assay.training.split import split
from assay.training.train import Fitted, fit

SINGLE_ROWS = 25
TOLERANCE = 1e-5


def check_recipe(model: Model[Any], recipe: str | Recipe, rows: pl.DataFrame, *, trials: int = 2) -> None:
    """Raises AssertionError, which says what is wrong, where the recipe does not keep its contract.

    `rows` hold the model's fields and its target, a few hundred of them. The recipe is fitted twice on the rows that
    training would take, tuned with `trials` if it takes a trial. It keeps its contract if it fits; answers each row held
    out with one finite number; answers the same when fitted again; answers the same, bit for bit, after it was stored
    and read; and gives a row the same answer alone as among others, within 1e-5 of it or of the mean answer.
    """
    wanted = model.recipes[recipe] if isinstance(recipe, str) else recipe
    train, test = split(take(model, rows, "check_recipe").rows, model.test_size, model.seed)
    asked = test.select(list(model.fields))
    fitted = _fitted(model, wanted, train, test, trials)
    answers = _answers(wanted, fitted, asked)
    again = _answers(wanted, _fitted(model, wanted, train, test, trials), asked)
    _agree(np.array_equal(answers, again), wanted, "gives other answers when it is fitted again; state its seed")
    trusted = tuple(f"{kind.__module__}.{kind.__qualname__}" for kind in model.trusted)
    stored = load_pipeline(dump_pipeline(fitted, trusted), trusted)
    _agree(np.array_equal(answers, _answers(wanted, stored, asked)), wanted, "gives other answers once it was stored")
    few = min(SINGLE_ROWS, asked.height)
    alone = np.concatenate([_answers(wanted, fitted, asked.slice(row, 1)) for row in range(few)])
    allowed = TOLERANCE * np.maximum(np.abs(answers), np.abs(answers).mean())
    near = bool((np.abs(alone - answers[:few]) <= allowed[:few]).all())
    _agree(near, wanted, "gives a row another answer alone than among others")


def _fitted(model: Model[Any], recipe: Recipe, train: pl.DataFrame, test: pl.DataFrame, trials: int) -> Any:
    outcome = fit(model, recipe, train, test, trials=trials)
    if not isinstance(outcome, Fitted):
        raise AssertionError(f"The recipe {recipe.name!r} does not fit: {outcome.error}")
    return outcome.estimator


def _answers(recipe: Recipe, estimator: Any, asked: pl.DataFrame) -> NDArray[np.float64]:
    found = np.asarray(estimator.predict(asked), dtype=np.float64)
    _agree(found.size == asked.height, recipe, f"gives {found.size} answers to {asked.height} rows")
    _agree(bool(np.isfinite(found).all()), recipe, "gives answers that are not finite")
    return found.reshape(-1)


def _agree(holds: bool, recipe: Recipe, otherwise: str) -> None:  # noqa: FBT001 - what an assertion is told
    if not holds:
        raise AssertionError(f"The recipe {recipe.name!r} {otherwise}.")
