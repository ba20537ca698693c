"""Contracts that any author's recipe must keep, as checks to be called from a test."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.domain.model import Model
from assay.domain.recipe import Recipe
from assay.errors import BadOutput, NotCompilable
from assay.serving.engines.compile import compile_pipeline, prove
from assay.store.files.formats import dump_pipeline, load_pipeline
from assay.training.lesson import Hear, answers, lesson
from assay.training.snapshot import take
from assay.training.split import split
from assay.training.train import Fitted, fit

SINGLE_ROWS = 25
TOLERANCE = 1e-5


def check_recipe(
    model: Model[Any], recipe: str | Recipe, rows: pl.DataFrame, *, trials: int = 2, hear: Hear | None = None
) -> None:
    """Raises AssertionError, which says what is wrong, where the recipe does not keep its contract.

    `rows` hold the model's fields and its target, a few hundred of them, or some dozen recordings, whose seconds `hear`
    gives. The recipe is fitted twice on the rows that training would take, tuned with `trials` if it takes a trial. It
    keeps its contract if it fits; answers each row held out with one finite number, or one confidence from 0 to 1 a label;
    answers the same when fitted again; answers the same, bit for bit, after it was stored and read; and gives a row the same
    answer alone as among others, within 1e-5 of it or of the mean answer, or of a confidence within 1e-5. A graph that it
    draws itself must answer as it does, and each row the same, bit for bit, in any batch.
    """
    wanted = model.recipes[recipe] if isinstance(recipe, str) else recipe
    train, test = split(take(model, rows, "check_recipe").rows, model.test_size, model.seed)
    asked = lesson(model, test, hear).asked

    def fitted() -> Any:
        outcome = fit(model, wanted, train, test, trials=trials, hear=hear)
        if not isinstance(outcome, Fitted):
            raise AssertionError(f"The recipe {wanted.name!r} does not fit: {outcome.error}")
        return outcome.estimator

    first = fitted()
    told = _answers(model, wanted, first, asked)
    again = _answers(model, wanted, fitted(), asked)
    _agree(np.array_equal(told, again), wanted, "gives other answers when it is fitted again; state its seed")
    trusted = tuple(f"{kind.__module__}.{kind.__qualname__}" for kind in model.trusted)
    stored = load_pipeline(dump_pipeline(first, trusted), trusted)
    _agree(
        np.array_equal(told, _answers(model, wanted, stored, asked)), wanted, "gives other answers once it was stored"
    )
    few = min(SINGLE_ROWS, len(asked))
    alone = np.concatenate([_answers(model, wanted, first, asked[row : row + 1]) for row in range(few)])
    scale = np.ones_like(told) if model.labels else np.maximum(np.abs(told), np.abs(told).mean())
    near = bool((np.abs(alone - told[:few]) <= TOLERANCE * scale[:few]).all())
    _agree(near, wanted, "gives a row another answer alone than among others")
    if hasattr(first, "onnx_graph"):
        _check_graph(model, wanted, first, asked)


def _check_graph(model: Model[Any], recipe: Recipe, estimator: Any, asked: Any) -> None:
    try:
        proof = prove(compile_pipeline(estimator, model.contract), estimator, asked, model.contract)
    except NotCompilable as error:
        raise AssertionError(f"The recipe {recipe.name!r} draws a wrong graph: {error}") from error
    _agree(proof.batch_invariant, recipe, "draws a graph that gives a row another answer alone than among others")


def _answers(model: Model[Any], recipe: Recipe, estimator: Any, asked: Any) -> NDArray[np.float64]:
    try:
        return answers(model, estimator, asked)
    except BadOutput as error:
        raise AssertionError(f"The recipe {recipe.name!r} gives no answer to every row: {error}") from error


def _agree(holds: bool, recipe: Recipe, otherwise: str) -> None:  # noqa: FBT001 - what an assertion is told
    if not holds:
        raise AssertionError(f"The recipe {recipe.name!r} {otherwise}.")
