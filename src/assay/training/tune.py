"""Searches a recipe's hyper-parameters by Bayesian optimisation, reproducibly, and goes on where it was cut off."""

from __future__ import annotations

import hashlib
import math
import os
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict, Unpack, cast

import msgspec
import numpy as np
import optuna
import polars as pl
from optuna.distributions import BaseDistribution, CategoricalDistribution, distribution_to_json, json_to_distribution
from optuna.trial import FixedTrial, FrozenTrial, TrialState, create_trial

from assay.clock import ticks_us
from assay.domain.metric import GREATER_IS_BETTER
from assay.domain.model import Model
from assay.domain.recipe import Recipe
from assay.errors import BadOutput, RecipeFailed
from assay.store.work.trials import KeptTrial, Outcome
from assay.training.evaluate import evaluate
from assay.training.lesson import Hear, lesson
from assay.training.split import split
from assay.training.workers import Workers

# How many trials are over, how many there will be, and the best value of the model's metric so far.
Progress = Callable[[int, int, float | None], None]

AT_ONCE = 4  # trials under way, on every machine: what is suggested follows from those that are over, so they must be the same
STARTUP = 10  # trials that are drawn at random and never pruned
RUNG_FROM = 10_000  # rows to learn from, below which a first fit on fewer of them costs more than it saves
RUNG_SHARE = 1 / 27
KEPT_SHARE = 50.0  # per cent of the trials that were not pruned: whoever is worse on the rung is
# Part of a study's name: the trials of another way of searching are not those of this one.
WAY = f"tpe, {AT_ONCE} at once, {STARTUP} at random, rung of {RUNG_SHARE:.4f} from {RUNG_FROM} rows, {KEPT_SHARE:g} % go on"
SEARCHERS = ("optuna", "xgboost", "xgboost-cpu", "scikit-learn")
STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
PLAIN = (type(None), bool, int, float, str)
FAILURES = (ValueError, ArithmeticError, BadOutput)


class Memory(Protocol):
    """Where the trials of one study are kept; `keep` is called by several threads, in the order in which they end."""

    def known(self) -> list[KeptTrial]: ...
    def keep(self, trial: KeptTrial) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The best trial: its parameters, its metric on the rows held out within the training rows, and its number.

    Of all `trials`, so many `failed`, so many were `pruned` as hopeless, and so many were `known` from before.
    """

    parameters: dict[str, Any]
    value: float
    number: int
    trials: int
    failed: int
    pruned: int = 0
    known: int = field(default=0, compare=False)  # how it was found out, and not what


class How(TypedDict, total=False):
    """Who hears of the trials, where those that were made are kept, and what gives the seconds of recordings."""

    progress: Progress | None
    memory: Memory | None
    hear: Hear | None


def study_name(
    model: Model[Any], recipe: Recipe, *, dataset: str, code_digest: str, libraries: Mapping[str, str]
) -> str:
    """The name under which a search's trials are kept: sha256 of all that they follow from, but not of their number."""
    searchers = {name: libraries[name] for name in SEARCHERS if name in libraries}
    told = [dataset, model.name, recipe.name, code_digest, model.seed, model.test_size, model.metric, searchers, WAY]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


def tune(
    model: Model[Any], recipe: Recipe, train: pl.DataFrame, *, trials: int, **how: Unpack[How],
) -> Tuned:  # fmt: skip
    """Asks `recipe` for `trials` estimators and finds the best by the model's metric, in its direction.

    The training rows are split once more, with the model's own share and seed; the rows held out for the evaluation
    are never seen. Tree-structured Parzen estimator (Bergstra et al. 2011) with its options spelt out. What is
    suggested for a trial follows from the model's seed, the trial's number and the trials that began at least `AT_ONCE`
    before it, so neither the number of processors nor an interruption changes it. Trials that `memory` knows are not
    evaluated again.

    Where there are `RUNG_FROM` rows to learn from or more, a trial learns from a seeded share of them first, and is
    pruned where that went worse than for the median of the trials that were not (Golovin et al. 2017). A trial that
    fails is counted and the next one tried; raises RecipeFailed where all of them do.
    """
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        search = _Search(model, recipe, train, how)
        with Workers(min(AT_ONCE, processors())) as workers:
            search.run(trials, workers, how.get("progress"))
    finally:
        optuna.logging.set_verbosity(before)
    return search.best()


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Search:
    """One study under way. `_attempt` alone runs in other threads, and reads nothing that changes meanwhile."""

    def __init__(self, model: Model[Any], recipe: Recipe, train: pl.DataFrame, how: How) -> None:
        self._model, self._recipe, self._hear = model, recipe, how.get("hear")
        self._memory = memory = how.get("memory")
        self._learnt, held = split(train, model.test_size, model.seed)
        self._held = lesson(model, held, self._hear)
        worthwhile = self._learnt.height >= RUNG_FROM
        self._rung = split(self._learnt, RUNG_SHARE, model.seed)[1] if worthwhile else None
        self._known = {trial.number: trial for trial in memory.known()} if memory else {}
        self._reused = 0
        self._asked: dict[int, optuna.Trial] = {}
        self._study = optuna.create_study(
            direction="maximize" if GREATER_IS_BETTER[model.metric] else "minimize",
            pruner=optuna.pruners.PercentilePruner(KEPT_SHARE, n_startup_trials=STARTUP),
        )

    def run(self, trials: int, workers: Workers, progress: Progress | None) -> None:
        """Begins the trials in their order, and takes what came of them in the same order."""
        under_way: deque[Future[KeptTrial]] = deque()
        for number in range(trials + AT_ONCE):
            if number >= AT_ONCE and under_way:
                over = self._tell(under_way.popleft().result())
                if progress is not None:
                    progress(over + 1, trials, self._study.best_value if self._in(TrialState.COMPLETE) else None)
            if number < trials:
                under_way.append(self._begin(number, workers))

    def best(self) -> Tuned:
        """What the search came to; raises RecipeFailed."""
        count, failed = len(self._study.trials), self._in(TrialState.FAIL)
        if failed == count:
            raise RecipeFailed(f"All {failed} trials of the recipe {self._recipe.name!r} failed.")
        best = self._study.best_trial
        return Tuned(
            parameters=dict(best.params), value=float(self._study.best_value), number=best.number, trials=count,
            failed=failed, pruned=self._in(TrialState.PRUNED), known=self._reused,
        )  # fmt: skip

    def _in(self, state: TrialState) -> int:
        return len(self._study.get_trials(deepcopy=False, states=(state,)))

    def _begin(self, number: int, workers: Workers) -> Future[KeptTrial]:
        known = self._known.get(number)
        if known is not None and self._would_ask(known):
            self._reused += 1
            self._study.add_trial(_under_way(known))
            return _given(known)
        self._study.sampler = _sampler(self._model.seed, number)
        trial = self._asked[number] = self._study.ask()
        draft, estimator = self._made(trial)
        if estimator is None:
            return _given(self._kept(draft))
        before = _Before(self._study)
        return workers.submit(lambda: self._attempt(draft, estimator, before))

    def _would_ask(self, known: KeptTrial) -> bool:
        """Whether the recipe still asks for what the trial was given; the code's digest does not see all that it uses."""
        again = FixedTrial(known.parameters, known.number)
        try:
            self._recipe.make(again)
        except FAILURES:
            if known.state != "failed":
                return False
        return _written(again.distributions) == known.distributions

    def _made(self, trial: optuna.Trial) -> tuple[KeptTrial, Any | None]:
        begun = ticks_us()
        try:
            estimator = self._recipe.make(trial)
        except FAILURES:
            estimator = None
        else:
            if estimator is None:
                raise TypeError("the recipe returned None; it must return an estimator")
        took_ms = (ticks_us() - begun) // 1000
        distributions = _written(trial.distributions)
        return KeptTrial(
            number=trial.number, state="failed", parameters=trial.params, distributions=distributions, took_ms=took_ms
        ), estimator

    def _attempt(self, draft: KeptTrial, estimator: Any, before: _Before) -> KeptTrial:
        begun = ticks_us()
        state: Outcome = "failed"
        value: float | None = None
        steps: dict[int, float] = {}
        try:
            if self._rung is not None:
                steps[self._rung.height] = self._value(estimator, self._rung)
                estimator = self._recipe.make(FixedTrial(draft.parameters, draft.number))
            if steps and self._hopeless(steps, before):
                state = "pruned"
            else:
                value = self._value(estimator, self._learnt)
                state = "complete"
        except FAILURES:
            state = "failed"
        took_ms = draft.took_ms + (ticks_us() - begun) // 1000
        return self._kept(msgspec.structs.replace(draft, state=state, value=value, steps=steps, took_ms=took_ms))

    def _value(self, estimator: Any, rows: pl.DataFrame) -> float:
        learnt = lesson(self._model, rows, self._hear)
        fitted = estimator.fit(learnt.asked, learnt.truth)
        value = evaluate(self._model, fitted, self._held).metrics[self._model.metric]
        if not math.isfinite(value):
            raise BadOutput(f"The metric {self._model.metric} is {value}.")
        return value

    def _hopeless(self, steps: dict[int, float], before: _Before) -> bool:
        trial = create_trial(state=TrialState.RUNNING, intermediate_values=steps)
        return self._study.pruner.prune(cast("optuna.Study", before), trial)

    def _kept(self, over: KeptTrial) -> KeptTrial:
        # what cannot be written is searched again after a crash, as it would be without a memory
        if self._memory is not None and len(over.distributions) == len(over.parameters):
            self._memory.keep(over)
        return over

    def _tell(self, over: KeptTrial) -> int:
        asked = self._asked.pop(over.number, None)
        if asked is not None:
            for rows, value in over.steps.items():
                asked.report(value, rows)
        self._study.tell(over.number, over.value, state=STATES[over.state])
        return over.number


class _Before:
    """A study as it was when a trial began: if it could see what is told meanwhile, the clock would decide on pruning."""

    def __init__(self, study: optuna.Study) -> None:
        self.direction = study.direction
        self._trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

    def get_trials(self, *, deepcopy: bool = False, states: tuple[TrialState, ...] = ()) -> list[FrozenTrial]:
        """As a study has it."""
        return [trial for trial in self._trials if not states or trial.state in states]


def _sampler(seed: int, number: int) -> optuna.samplers.TPESampler:
    drawn = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    return optuna.samplers.TPESampler(
        seed=drawn, n_startup_trials=STARTUP, n_ei_candidates=24, multivariate=False, constant_liar=True
    )


def _under_way(known: KeptTrial) -> FrozenTrial:
    """A kept trial as it was while others began: asked, and not told."""
    distributions = {name: json_to_distribution(text) for name, text in known.distributions.items()}
    return create_trial(
        state=TrialState.RUNNING, params=known.parameters, distributions=distributions, intermediate_values=known.steps
    )


def _written(distributions: dict[str, BaseDistribution]) -> dict[str, str]:
    """The distributions in Optuna's own JSON, without those whose choices have none."""
    plain = {
        name: one
        for name, one in distributions.items()
        if not isinstance(one, CategoricalDistribution) or all(isinstance(choice, PLAIN) for choice in one.choices)
    }
    return {name: distribution_to_json(one) for name, one in plain.items()}


def _given(trial: KeptTrial) -> Future[KeptTrial]:
    done: Future[KeptTrial] = Future()
    done.set_result(trial)
    return done
