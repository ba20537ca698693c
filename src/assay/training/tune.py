"""Searches a recipe's hyper-parameters by Bayesian optimisation, reproducibly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optuna
import polars as pl

from assay.domain.metric import GREATER_IS_BETTER
from assay.domain.model import Model
from assay.domain.recipe import Recipe
from assay.errors import BadOutput, RecipeFailed
from assay.training.evaluate import evaluate
from assay.training.split import split

# How many trials are done, how many there will be, and the best value of the model's metric so far.
Progress = Callable[[int, int, float | None], None]


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The best trial: its parameters, its metric on the rows held out within the training rows, and its number."""

    parameters: dict[str, Any]
    value: float
    number: int
    trials: int
    failed: int


def tune(
    model: Model[Any], recipe: Recipe, train: pl.DataFrame, *, trials: int, progress: Progress | None = None
) -> Tuned:
    """Asks `recipe` for `trials` estimators and finds the best by the model's metric, in its direction.

    The training rows are split once more, with the model's own share and seed; the rows held out for the evaluation
    are never seen. Tree-structured Parzen estimator (Bergstra et al. 2011), its options spelt out and seeded with the
    model's seed, so that the same rows give the same trials. A trial that fails is counted and the next one tried;
    raises RecipeFailed where all of them do.
    """
    learnt, held = split(train, model.test_size, model.seed)
    target = learnt[model.target].to_numpy().astype("float64")

    def attempt(trial: optuna.Trial) -> float:
        estimator = recipe.make(trial).fit(learnt.select(list(model.fields)), target)
        return evaluate(model, estimator, held).metrics[model.metric]

    def report(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if progress is not None:
            done = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
            progress(trial.number + 1, trials, study.best_value if done else None)

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        study = optuna.create_study(
            direction="maximize" if GREATER_IS_BETTER[model.metric] else "minimize", sampler=_sampler(model.seed)
        )
        study.optimize(attempt, n_trials=trials, callbacks=[report], catch=(ValueError, ArithmeticError, BadOutput))
    finally:
        optuna.logging.set_verbosity(before)
    return _best(study, recipe)


def _sampler(seed: int) -> optuna.samplers.TPESampler:
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=10, n_ei_candidates=24, multivariate=False)


def _best(study: optuna.Study, recipe: Recipe) -> Tuned:
    failed = [trial for trial in study.trials if trial.state != optuna.trial.TrialState.COMPLETE]
    if len(failed) == len(study.trials):
        raise RecipeFailed(f"All {len(failed)} trials of the recipe {recipe.name!r} failed.")
    best = study.best_trial
    return Tuned(
        parameters=dict(best.params),
        value=float(study.best_value),
        number=best.number,
        trials=len(study.trials),
        failed=len(failed),
    )
