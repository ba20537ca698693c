"""One training run: a snapshot of fresh rows, every recipe fitted and judged on the same held-out rows, each run kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assay.domain.dataset import PartFacts
from assay.domain.model import Model
from assay.domain.recipe import Recipe
from assay.domain.releases.rollout import Rollout
from assay.domain.version import Version, ranked
from assay.errors import ApplicationInvalid
from assay.training.keeping import Keeping
from assay.training.snapshot import Removed, Rows, Snapshot, take
from assay.training.split import split
from assay.training.train import Failed, code_digest, draft_version, fit, libraries

RunProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run came to: its versions with the best first and failed ones last, and the decision it led to, if any.

    `parts` says what became of each file or upload; of those that were refused nothing was learnt.
    """

    model: str
    dataset: str
    source: str
    rows: int
    train_rows: int
    test_rows: int
    removed: tuple[Removed, ...]
    removed_file: str | None
    dropped: tuple[str, ...]
    parts: tuple[PartFacts, ...]
    versions: list[Version]
    rollout: Rollout | None = None
    unchanged: str = ""  # why nothing changed, where nothing did


def _no_progress(_recipe: str, _done: int, _of: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a run is made: `trials` for every tuned recipe (their own number if None), `only` these recipes (all if none).

    `parameters` are a recipe's hyper-parameters, instead of those that it would be given or search. Not `again` ends the
    run where the rows are those that were learnt from already. With `trust` no rows are suspected. `progress` hears of
    the recipe, and of its trials done and planned.
    """

    trials: int | None = None
    only: tuple[str, ...] = ()
    parameters: Mapping[str, Any] | None = None
    promote: bool = True
    again: bool = True
    trust: bool = False
    progress: RunProgress = _no_progress


def run(model: Model[Any], rows: pl.DataFrame | Sequence[Rows], *, source: str, keeping: Keeping, plan: Plan) -> Run:
    """Trains and keeps every recipe; raises DataInvalid or ApplicationInvalid before anything is fitted."""
    recipes = chosen(model, plan.only)
    if plan.parameters is not None and len(recipes) != 1:
        raise ApplicationInvalid("Hyper-parameters belong to one recipe; say which.")
    code = code_digest(model)
    taken = take(model, rows, source, keeping.known(), trust=plan.trust)
    if not plan.again and keeping.learnt(taken.dataset.id, code):
        return _run(model, taken, [], _nothing_new(taken))
    snapshot = keeping.keep_snapshot(taken)
    kept = [_kept(model, recipe, snapshot, keeping, plan) for recipe in recipes]
    decided = keeping.promote(kept) if plan.promote else "because nothing was to be promoted"
    if {recipe.name for recipe in recipes} >= {name for name, one in model.recipes.items() if not one.by_name}:
        keeping.end(snapshot.dataset.id, code)
    return _run(model, snapshot, ranked(kept, model.metric), decided)


def _nothing_new(taken: Snapshot) -> str:
    refused = [f"{part.name} ({part.refused})" for part in taken.parts if part.refused]
    if refused:
        return f"because {', '.join(refused)} was left out, and all other rows were learnt from already"
    return "because there are no rows that were not learnt from already"


def _kept(model: Model[Any], recipe: Recipe, snapshot: Snapshot, keeping: Keeping, plan: Plan) -> Version:
    """One recipe fitted, judged and kept; where a run was cut off, what it has made of the recipe already."""
    facts: dict[str, Any] = {
        "code_digest": code_digest(model),
        "libraries": libraries(),
        "dataset": snapshot.dataset.id,
    }
    begun = None if plan.again else keeping.begun(recipe, facts["dataset"], facts["code_digest"])
    if begun is not None:
        return begun
    train, test = split(snapshot.rows, model.test_size, model.seed)
    planned = (plan.trials or recipe.trials) if recipe.tuned and plan.parameters is None else 1
    plan.progress(recipe.name, 0, planned)
    fitted = fit(
        model, recipe, train, test, trials=plan.trials, parameters=plan.parameters, memory=keeping.memory(recipe, facts),
        hear=keeping.hear, connect=keeping.connect,
        progress=lambda done, of, *_: plan.progress(recipe.name, done, of),
    )  # fmt: skip
    draft = draft_version(model.name, fitted, facts)
    if isinstance(fitted, Failed):
        version = keeping.keep_failed(draft, snapshot)
    else:
        version = keeping.keep_fitted(draft, fitted, snapshot, train, test)
    plan.progress(recipe.name, planned, planned)
    return version


def _run(model: Model[Any], snapshot: Snapshot, versions: list[Version], decided: Rollout | str) -> Run:
    dataset = snapshot.dataset
    return Run(
        model=model.name, dataset=dataset.id, source=dataset.source, rows=dataset.rows,
        train_rows=dataset.rows - dataset.held_out, test_rows=dataset.held_out, removed=snapshot.removed,
        removed_file=dataset.removed_file, dropped=snapshot.dropped, parts=snapshot.parts, versions=versions,
        rollout=decided if isinstance(decided, Rollout) else None, unchanged=decided if isinstance(decided, str) else "",
    )  # fmt: skip


def chosen(model: Model[Any], only: tuple[str, ...]) -> list[Recipe]:
    """The model's recipes but those that must be named, or only those named; raises ApplicationInvalid."""
    unknown = [name for name in only if name not in model.recipes]
    found = [recipe for name, recipe in model.recipes.items() if (name in only if only else not recipe.by_name)]
    if unknown or not found:
        known = ", ".join(model.recipes) or "none"
        raise ApplicationInvalid(f"The model {model.name!r} has no recipe {', '.join(unknown)}; it has {known}.")
    return found
