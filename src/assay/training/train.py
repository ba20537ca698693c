"""Fits one recipe and evaluates it on the rows held out; a recipe that fails never stops the others."""

from __future__ import annotations

import hashlib
import inspect
import platform
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, TypedDict, Unpack

import optuna
import polars as pl

from assay.clock import now_us, ticks_us
from assay.domain.model import Model
from assay.domain.recipe import Recipe
from assay.domain.version import Version
from assay.errors import LeaseLost, StoreUnavailable
from assay.training.evaluate import Scores, evaluate
from assay.training.lesson import Hear, lesson
from assay.training.tune import Memory, Progress, Tuned, tune

LIBRARIES = (
    "numpy", "scikit-learn", "xgboost", "xgboost-cpu", "torch", "keras", "tensorflow", "optuna", "onnx", "onnxruntime", "skops",
    "polars", "soundfile", "soxr",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A recipe fitted on all training rows: the estimator, the hyper-parameters it was made with, and its scores.

    `tuned` says how the search went, where there was one.
    """

    recipe: str
    estimator: Any
    parameters: dict[str, Any]
    metrics: dict[str, float]
    segments: dict[str, dict[str, float]]
    seed: int
    train_rows: int
    test_rows: int
    took_ms: int
    tuned: Tuned | None = None


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


class Search(TypedDict, total=False):
    """How a tuned recipe is searched: how many trials (its own number if None), who hears of them, what is known.

    With `parameters` there is no search: they are what the recipe is made with. `hear` gives the seconds of recordings,
    and `connect` lets an estimator ask whom it stands for.
    """

    trials: int | None
    parameters: Mapping[str, Any] | None
    progress: Progress | None
    memory: Memory | None
    hear: Hear | None
    connect: Callable[[Any], None] | None


def fit(
    model: Model[Any], recipe: Recipe, train: pl.DataFrame, test: pl.DataFrame, **search: Unpack[Search]
) -> Fitted | Failed:
    """Tunes the recipe if it takes a trial, as `search` says, and refits the best on all of `train`.

    Rows hold the fields and the target as a snapshot has them; the estimator is given what `lesson` makes of them: a
    frame of the raw feature columns in the contract's order and float64 targets [n], or of labels bool [n, labels].
    """
    begun = ticks_us()
    made = _Made()
    outcome: Scores | str
    try:
        _make(made, model, recipe, train, search)
        if made.estimator is None:
            raise TypeError("the recipe returned None; it must return an estimator")
        hear, connect = search.get("hear"), search.get("connect")
        if connect is not None:
            connect(made.estimator)
        learnt = lesson(model, train, hear)
        made.estimator = made.estimator.fit(learnt.asked, learnt.truth)
        outcome = evaluate(model, made.estimator, lesson(model, test, hear))
    except (StoreUnavailable, LeaseLost):  # no fault of the recipe's: the run itself cannot go on
        raise
    except Exception as error:  # noqa: BLE001 - a recipe is the author's own code; its failure is a result
        outcome = _sentence(error)
    rows = {"seed": model.seed, "train_rows": train.height, "test_rows": test.height}
    took_ms = (ticks_us() - begun) // 1000
    if isinstance(outcome, str):
        return Failed(recipe=recipe.name, error=outcome, took_ms=took_ms, parameters=made.parameters, **rows)
    return Fitted(
        recipe=recipe.name, estimator=made.estimator, parameters=made.parameters, metrics=outcome.metrics,
        segments=outcome.segments, took_ms=took_ms, tuned=made.tuned, **rows,
    )  # fmt: skip


@dataclass
class _Made:
    """An estimator, and the hyper-parameters that it was made with."""

    estimator: Any = None
    parameters: dict[str, Any] = field(default_factory=dict)
    tuned: Tuned | None = None


def _make(made: _Made, model: Model[Any], recipe: Recipe, train: pl.DataFrame, search: Search) -> None:
    given = search.get("parameters")
    if given is not None:
        made.parameters = dict(given)
        made.estimator = _made_with(recipe, given)
    elif recipe.tuned:
        made.tuned = tune(
            model, recipe, train, trials=search.get("trials") or recipe.trials, progress=search.get("progress"),
            memory=search.get("memory"), hear=search.get("hear"),
        )  # fmt: skip
        made.parameters = made.tuned.parameters
        made.estimator = recipe.make(optuna.trial.FixedTrial(made.parameters))
    else:
        made.estimator = recipe.make()


def _made_with(recipe: Recipe, parameters: Mapping[str, Any]) -> Any:
    """The recipe's estimator with these hyper-parameters; raises ValueError, which names the one that it does not know."""
    if not recipe.tuned:
        return recipe.make().set_params(**parameters)
    trial = optuna.trial.FixedTrial(dict(parameters))
    made = recipe.make(trial)
    strange = [name for name in parameters if name not in trial.params]
    if strange:
        raise ValueError(f"there is no hyper-parameter {strange[0]!r}; there are {', '.join(trial.params) or 'none'}")
    return made


def draft_version(model: str, fitted: Fitted | Failed, facts: dict[str, Any]) -> Version:
    """A version that has no number yet."""
    failed = isinstance(fitted, Failed)
    return Version(
        model=model, number=0, recipe=fitted.recipe, status="failed" if failed else "ready", created_at=now_us(),
        parameters=fitted.parameters, seed=fitted.seed, train_rows=fitted.train_rows, test_rows=fitted.test_rows,
        took_ms=fitted.took_ms, metrics={} if isinstance(fitted, Failed) else fitted.metrics,
        segments={} if isinstance(fitted, Failed) else fitted.segments,
        error=fitted.error if isinstance(fitted, Failed) else "", **facts,
    )  # fmt: skip


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
