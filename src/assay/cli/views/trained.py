"""A training run as people and programs see it: its progress, its leaderboard, and what was set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from assay.app import Assay
from assay.cli import show
from assay.clock import ticks_us
from assay.domain.model import Model
from assay.training.run import Run

FIRST_REMOVED = 10
MOST_REASONS = 12
Heard = Callable[[str, int, int], None]


class Bars:
    """One bar a recipe, on a terminal."""

    def __init__(self, bars: Progress, recipes: list[str]) -> None:
        self._bars = bars
        self._rows = bars.add_task("reading the rows", total=None)
        self._tasks: dict[str, TaskID] = {name: bars.add_task(name, start=False, total=1) for name in recipes}
        self._now: str | None = None

    def __call__(self, recipe: str, done: int, of: int) -> None:
        """Takes a recipe's progress."""
        if self._now is None:
            self._bars.update(self._rows, visible=False)
        if self._now != recipe:
            self._bars.start_task(self._tasks[recipe])
            self._now = recipe
        self._bars.update(self._tasks[recipe], completed=done, total=of)


class Lines:
    """A line when a recipe begins, at each quarter of its trials, and when it is done, where no terminal is."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._now: str | None = None
        self._begun = 0
        self._told = 0

    def __call__(self, recipe: str, done: int, of: int) -> None:
        """Takes a recipe's progress."""
        if self._now != recipe:
            self.end()
            self._now, self._begun, self._told = recipe, ticks_us(), 0
            self._say(f"{recipe}: training" + (f", {of} trials" if of > 1 else ""))
        elif 1 < of > done and 4 * done // of > self._told:
            self._told = 4 * done // of
            self._say(f"{recipe}: {done} of {of} trials after {self._passed()}")

    def end(self) -> None:
        """The recipe under way is done."""
        if self._now is not None:
            self._say(f"{self._now}: done in {self._passed()}")
            self._now = None

    def _passed(self) -> str:
        return show.took((ticks_us() - self._begun) / 1000)


@contextmanager
def progress(recipes: list[str]) -> Iterator[Heard]:
    """Shows on standard error how far a training run is."""
    notes = show.notes()
    if notes.is_terminal and not notes.is_dumb_terminal:
        columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}", markup=False), BarColumn(),
                   MofNCompleteColumn(), TimeElapsedColumn())  # fmt: skip
        with Progress(*columns, console=notes, transient=True) as bars:
            yield Bars(bars, recipes)
    else:
        lines = Lines(lambda line: notes.print(Text(show.clean(line))))
        yield lines
        lines.end()


def show_run(assay: Assay, model: Model[Any], run: Run) -> None:
    """The run for people."""
    out = show.console()
    ruling = assay.rollouts.ruling(model.name)
    number = ruling.version if ruling else None
    out.print(Text.assemble((model.name, "bold"), f" learnt from {show.clean(run.source)}"))
    out.print(Text(_counts(run)))
    for part in run.parts:
        if part.refused:
            why = part.evidence.removeprefix(f"{part.name}: ")
            out.print(Text(show.clean(f"Left out: {part.name}: {part.refused}: {why}"), style="red"), soft_wrap=True)
    if run.dropped:
        out.print(Text(show.clean(f"Columns that the model does not ask about: {', '.join(run.dropped)}")))
    _show_removed(assay, run)
    out.print(show.versions_table(run.versions, ruling=number, unit=model.unit, metric_of=model.metric, ranked=True))
    for version in run.versions:
        if version.status != "ready":
            out.print(
                Text(
                    show.clean(f"Version {version.number} ({version.recipe}) {version.status}: {version.error}"),
                    style="red",
                )
            )
    out.print(Text(_decision(assay, model, run)))


def _counts(run: Run) -> str:
    twice = sum(part.duplicates for part in run.parts)
    fresh = sum(part.fresh for part in run.parts)
    known = sum(part.known for part in run.parts)
    said = [
        f"{sum(part.rows for part in run.parts):,} rows read",
        f"{run.rows:,} kept",
        f"{len(run.removed):,} set aside",
    ]
    said += [f"{twice:,} equal to another"] * bool(twice) + [f"{fresh:,} of them new"] * bool(known)
    return f"{', '.join(said)}; {run.train_rows:,} to learn from, {run.test_rows:,} to be judged on"


def tell_run(assay: Assay, model: Model[Any], run: Run) -> None:
    """The run for programs."""
    ruling = assay.rollouts.ruling(model.name)
    show.tell_json({
        "model": run.model, "metric": model.metric, "dataset": run.dataset, "source": run.source,
        "rows_read": sum(part.rows for part in run.parts), "rows": run.rows,
        "train_rows": run.train_rows, "test_rows": run.test_rows,
        "removed": {
            "count": len(run.removed), "reasons": dict(Counter(one.reason for one in run.removed).most_common()),
            "rows": [{"part": one.part, "row": one.row, "reason": one.reason} for one in run.removed],
            "file": _removed_file(assay, run),
        },
        "dropped": run.dropped, "versions": [show.version_json(version) for version in run.versions],
        "ruling": ruling.version if ruling else None, "promoted": run.rollout is not None,
        "rollout": show.rollout_json(run.rollout) if run.rollout else None, "unchanged": run.unchanged,
        "parts": msgspec.to_builtins(run.parts),
    })  # fmt: skip


def _show_removed(assay: Assay, run: Run) -> None:
    if not run.removed:
        return
    out = show.console()
    reasons = Counter(one.reason for one in run.removed).most_common()
    for reason, count in reasons[:MOST_REASONS]:
        out.print(Text(f"  {count:>6,} × {show.clean(reason)}"), soft_wrap=True)
    if len(reasons) > MOST_REASONS:
        out.print(Text(f"         and {len(reasons) - MOST_REASONS} more reasons"))
    several = ["part"] * (len(run.parts) > 1)
    first = show.table(*several, "row", "set aside because", right=["row"])
    for one in run.removed[:FIRST_REMOVED]:
        first.add_row(*show.row(*[one.part] * len(several), f"{one.row:,}", one.reason))
    out.print(first)
    left = len(run.removed) - FIRST_REMOVED
    out.print(
        Text(f"{f'{left:,} more, and all' if left > 0 else 'All'} with their values: {_removed_file(assay, run)}"),
        soft_wrap=True,
    )


def _removed_file(assay: Assay, run: Run) -> str | None:
    return str(assay.artifacts.path(run.removed_file)) if run.removed_file else None


def _decision(assay: Assay, model: Model[Any], run: Run) -> str:
    if run.rollout is not None:
        before = f", before it version {run.rollout.previous}" if run.rollout.previous else ""
        return f"Version {run.rollout.version} answers from now on{before}: {run.rollout.reason}."
    ruling = assay.rollouts.ruling(model.name)
    if ruling is None:
        return f"No version answers yet, {run.unchanged}." if run.unchanged else "No version answers yet."
    version = assay.versions.find(model.name, ruling.version)
    return f"Version {version.number} ({version.recipe}) answers as before, {run.unchanged}."
