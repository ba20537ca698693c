"""One training run: a snapshot of fresh rows, every recipe fitted and judged on the same held-out rows, each run kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from assay.clock import now_us
from assay.domain.metric import rank_key
from assay.domain.model import Model
from assay.domain.recipe import Recipe
from assay.domain.rollout import Rollout
from assay.domain.version import Version
from assay.errors import ApplicationInvalid
from assay.training.snapshot import Removed, Snapshot, take
from assay.training.split import split
from assay.training.train import Failed, Fitted, code_digest, fit, libraries

RunProgress = Callable[[str, int, int], None]


class Keeping(Protocol):
    """What becomes of a run's outcomes; the application provides it."""

    def keep_snapshot(self, snapshot: Snapshot) -> Snapshot: ...
    def keep_failed(self, draft: Version, snapshot: Snapshot) -> Version: ...
    def keep_fitted(
        self, draft: Version, fitted: Fitted, snapshot: Snapshot, train: pl.DataFrame, test: pl.DataFrame
    ) -> Version: ...
    def promote(self, candidates: list[Version], test: pl.DataFrame, dataset: str) -> Rollout | str: ...


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run came to: its versions with the best first and failed ones last, and the decision it led to, if any."""

    model: str
    dataset: str
    source: str
    rows: int
    train_rows: int
    test_rows: int
    removed: tuple[Removed, ...]
    removed_file: str | None
    dropped: tuple[str, ...]
    versions: list[Version]
    rollout: Rollout | None = None
    unchanged: str = ""  # why nothing changed, where nothing did


def _no_progress(_recipe: str, _done: int, _of: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a run is made: `trials` for every tuned recipe (their own number if None), `only` these recipes (all if none).

    `progress` hears of the recipe, and of its trials done and planned.
    """

    trials: int | None = None
    only: tuple[str, ...] = ()
    promote: bool = True
    progress: RunProgress = _no_progress


def run(model: Model[Any], rows: pl.DataFrame, *, source: str, keeping: Keeping, plan: Plan) -> Run:
    """Trains and keeps every recipe; raises DataInvalid or ApplicationInvalid before anything is fitted."""
    recipes = chosen(model, plan.only)
    snapshot = keeping.keep_snapshot(take(model, rows, source))
    train, test = split(snapshot.rows, model.test_size, model.seed)
    facts = {"code_digest": code_digest(model), "libraries": libraries(), "dataset": snapshot.dataset.id}
    kept: list[Version] = []
    for recipe in recipes:
        planned = (plan.trials or recipe.trials) if recipe.tuned else 1
        plan.progress(recipe.name, 0, planned)
        fitted = fit(
            model, recipe, train, test, trials=plan.trials,
            progress=lambda done, of, *_, name=recipe.name: plan.progress(name, done, of),
        )  # fmt: skip
        draft = draft_version(model.name, fitted, facts)
        if isinstance(fitted, Failed):
            kept.append(keeping.keep_failed(draft, snapshot))
        else:
            kept.append(keeping.keep_fitted(draft, fitted, snapshot, train, test))
        plan.progress(recipe.name, planned, planned)
    decided = keeping.promote(kept, test, snapshot.dataset.id) if plan.promote else "because nothing was to be promoted"
    return Run(
        model=model.name, dataset=snapshot.dataset.id, source=source, rows=snapshot.dataset.rows,
        train_rows=train.height, test_rows=test.height, removed=snapshot.removed,
        removed_file=snapshot.dataset.removed_file, dropped=snapshot.dropped,
        versions=ranked(kept, model.metric), rollout=decided if isinstance(decided, Rollout) else None,
        unchanged=decided if isinstance(decided, str) else "",
    )  # fmt: skip


def chosen(model: Model[Any], only: tuple[str, ...]) -> list[Recipe]:
    """The model's recipes, or only those named; raises ApplicationInvalid."""
    unknown = [name for name in only if name not in model.recipes]
    found = [recipe for name, recipe in model.recipes.items() if not only or name in only]
    if unknown or not found:
        known = ", ".join(model.recipes) or "none"
        raise ApplicationInvalid(f"The model {model.name!r} has no recipe {', '.join(unknown)}; it has {known}.")
    return found


def ranked(versions: list[Version], metric: str) -> list[Version]:
    """The best first by the metric, in its direction; those without it last."""
    return sorted(
        versions,
        key=lambda one: (
            one.status != "ready",
            rank_key(metric, one.metrics[metric]) if metric in one.metrics else 0.0,
        ),
    )


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
