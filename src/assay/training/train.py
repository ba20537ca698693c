"""Fits one recipe and evaluates it on the rows held out; a recipe that fails never stops the others."""

from __future__ import annotations

import hashlib
import inspect
import platform
import traceback
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import optuna
import polars as pl

from assay.clock import ticks_us
from assay.domain.model import Model
from assay.domain.recipe import Recipe
from assay.training.evaluate import Scores, evaluate
from assay.training.tune import Progress, tune

LIBRARIES = ("numpy", "scikit-learn", "xgboost", "xgboost-cpu", "optuna", "onnx", "onnxruntime", "skops", "polars")


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A recipe fitted on all training rows: the estimator, the hyper-parameters it was made with, and its scores."""

    recipe: str
    estimator: Any
    parameters: dict[str, Any]
    metrics: dict[str, float]
    segments: dict[str, dict[str, float]]
    seed: int
    train_rows: int
    test_rows: int
    took_ms: int


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A recipe that raised, and why, in one sentence."""

    recipe: str
    error: str
    seed: int
    train_rows: int
    test_rows: int
    took_ms: int
    parameters: dict[str, Any] = field(default_factory=dict)


def fit(
    model: Model[Any],
    recipe: Recipe,
    train: pl.DataFrame,
    test: pl.DataFrame,
    *,
    trials: int | None = None,
    progress: Progress | None = None,
) -> Fitted | Failed:
    """Tunes the recipe if it takes a trial (`trials` of them, its own number if None), and refits the best on all of
    `train`. Rows hold the fields and the target as a snapshot has them; the estimator is given a frame of the raw
    feature columns in the contract's order and float64 targets [n].
    """
    begun = ticks_us()
    parameters: dict[str, Any] = {}
    outcome: Scores | str
    estimator = None
    try:
        if recipe.tuned:
            parameters = tune(model, recipe, train, trials=trials or recipe.trials, progress=progress).parameters
            estimator = recipe.make(optuna.trial.FixedTrial(parameters))
        else:
            estimator = recipe.make()
        target = train[model.target].to_numpy().astype("float64")
        if estimator is None:
            raise TypeError("the recipe returned None; it must return an estimator")
        estimator = estimator.fit(train.select(list(model.fields)), target)
        outcome = evaluate(model, estimator, test)
    except Exception as error:  # noqa: BLE001 - a recipe is the author's own code; its failure is a result
        outcome = _sentence(error)
    rows = {"seed": model.seed, "train_rows": train.height, "test_rows": test.height}
    took_ms = (ticks_us() - begun) // 1000
    if isinstance(outcome, str):
        return Failed(recipe=recipe.name, error=outcome, took_ms=took_ms, parameters=parameters, **rows)
    return Fitted(
        recipe=recipe.name,
        estimator=estimator,
        parameters=parameters,
        metrics=outcome.metrics,
        segments=outcome.segments,
        took_ms=took_ms,
        **rows,
    )


def code_digest(model: Model[Any]) -> str:
    """sha256 over the files in which the model's input, recipes and cleaning rule are written, by name."""
    written = [model.input, *(recipe.make for recipe in model.recipes.values())]
    files = {_file(one) for one in [*written, *([model.cleaning] if model.cleaning else [])]}
    digest = hashlib.sha256()
    for file in sorted((file for file in files if file is not None), key=lambda file: (file.name, str(file))):
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def libraries() -> dict[str, str]:
    """The versions of Python and of the libraries that decide what a fit gives, where they are installed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _file(written: Any) -> Path | None:
    try:
        found = inspect.getsourcefile(inspect.unwrap(written))
    except (TypeError, OSError):
        return None
    return Path(found) if found and Path(found).is_file() else None


def _sentence(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0].rstrip(".")[:300] if lines else "no reason was given"
    frames = traceback.extract_tb(error.__traceback__)
    # the last place in the author's own folder, which is where there is something to be mended
    theirs = [frame for frame in frames if "site-packages" not in frame.filename and frame.filename != __file__]
    where = f" ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})" if theirs else ""
    return f"{type(error).__name__}: {said}{where}."
