"""One training run: a snapshot of fresh rows, every recipe fitted and judged on the same held-out rows, each run kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

from assay.clock import now_us
from assay.domain.metric import rank_key
from assay.domain.model import Model
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
    def promote(self, candidates: list[Version], test: pl.DataFrame, dataset: str) -> Rollout | None: ...


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
    rollout: Rollout | None = field(default=None)


def run(
    model: Model[Any], rows: pl.DataFrame, *, source: str, keeping: Keeping, trials: int | None = None,
    promote: bool = True, only: tuple[str, ...] = (), progress: RunProgress = lambda _recipe, _done, _of: None,
) -> Run:  # fmt: skip
    """Trains every recipe (or `only` those named); raises DataInvalid or ApplicationInvalid before anything is fitted.

    `progress` hears of the recipe, and of its trials done and planned.
    """
    recipes = [recipe for name, recipe in model.recipes.items() if not only or name in only]
    unknown = [name for name in only if name not in model.recipes]
    if unknown or not recipes:
        raise ApplicationInvalid(f"The model {model.name!r} has the recipes {', '.join(model.recipes) or 'none'}; not {unknown}.")
    snapshot = keeping.keep_snapshot(take(model, rows, source))
    train, test = split(snapshot.rows, model.test_size, model.seed)
    facts = {"code_digest": code_digest(model), "libraries": libraries(), "dataset": snapshot.dataset.id}
    kept: list[Version] = []
    for recipe in recipes:
        planned = (trials or recipe.trials) if recipe.tuned else 1
        progress(recipe.name, 0, planned)
        fitted = fit(
            model, recipe, train, test, trials=trials,
            progress=lambda done, of, *_, name=recipe.name: progress(name, done, of),
        )  # fmt: skip
        draft = draft_version(model.name, fitted, facts)
        if isinstance(fitted, Failed):
            kept.append(keeping.keep_failed(draft, snapshot))
        else:
            kept.append(keeping.keep_fitted(draft, fitted, snapshot, train, test))
        progress(recipe.name, planned, planned)
    rollout = keeping.promote(kept, test, snapshot.dataset.id) if promote else None
    return Run(
        model=model.name, dataset=snapshot.dataset.id, source=source, rows=snapshot.dataset.rows,
        train_rows=train.height, test_rows=test.height, removed=snapshot.removed,
        removed_file=snapshot.dataset.removed_file, dropped=snapshot.dropped,
        versions=ranked(kept, model.metric), rollout=rollout,
    )  # fmt: skip


def ranked(versions: list[Version], metric: str) -> list[Version]:
    """The best first by the metric, in its direction; those without it last."""
    return sorted(
        versions, key=lambda one: (one.status != "ready", rank_key(metric, one.metrics[metric]) if metric in one.metrics else 0.0)
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
