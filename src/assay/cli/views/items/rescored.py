"""A sweep as people and programs see it: how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from assay.app import Assay
from assay.app.items.asking import sweep
from assay.app.items.foreground import watched
from assay.app.items.outlook import Outlook
from assay.app.items.progress import State, states
from assay.cli import show
from assay.cli.views.jobs import job_json
from assay.clock import iso
from assay.errors import ApplicationInvalid

BY = "assay rescore"
COUNTS = ("wanted", "scored", "failing", "left")
QUARTERS = 4
Heard = Callable[[str, int, int], None]


def queue(assay: Assay, model: str | None, *, as_json: bool) -> None:
    """Queues a sweep of each model; raises ApplicationInvalid or ModelNotFound."""
    jobs = [sweep(assay, name, BY) for name in _models(assay, model)]
    if as_json:
        show.tell_json({"jobs": [job_json(one) for one in jobs]})
        return
    for one in jobs:
        show.console().print(Text(show.clean(f"{one.model}: job {one.id} is {one.state}")))


def rescore_now(assay: Assay, model: str | None, *, as_json: bool) -> bool:
    """Scores what is not scored yet, and shows how far it is; whether nothing is left and nothing fails.

    Raises ApplicationInvalid or ModelNotFound.
    """
    came = {}
    for name in _models(assay, model):
        with progress(name) as heard:
            came[name] = watched(assay, name, BY, heard)
    found = [
        one for each in assay.application.items().values() for one in states(assay, each) if one.model in came
    ]  # fmt: skip
    if as_json:
        show.tell_json({"models": came, "sweeps": [state_json(one) for one in found]})
    else:
        _show(came, found)
    return all(one["ended"] == "done" for one in came.values()) and not any(one.left or one.failing for one in found)


@contextmanager
def progress(model: str) -> Iterator[Heard]:
    """Shows on standard error how far a sweep is: a bar on a terminal, else a line at each quarter."""
    notes = show.notes()
    told = 0
    if notes.is_terminal and not notes.is_dumb_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=notes, transient=True) as bars:
            task = bars.add_task(show.clean(model), total=None)
            yield lambda stage, done, of: bars.update(
                task, description=show.clean(f"{model}: {stage}"), completed=done, total=of or None
            )
        return

    def say(stage: str, done: int, of: int) -> None:
        nonlocal told
        quarter = QUARTERS * done // max(of, 1)
        if told < quarter < QUARTERS:
            told = quarter
            notes.print(Text(show.clean(f"{model}: {stage}: {done:,} of {of:,}")))

    yield say


def state_json(found: State) -> dict[str, Any]:
    """How far a version is, for programs."""
    finished = found.sweep.finished_at if found.sweep is not None and not found.left else None
    return {
        "collection": found.collection, "model": found.model, "version": found.version, "run": found.run,
        "stands": found.stands, **{name: getattr(found, name) for name in COUNTS},
        "reasons": [{"code": one.code, "items": one.items, "example": one.example, "error": one.error} for one in found.reasons],
        "rests": _rests(found), "finished_at": None if finished is None else iso(finished),
    }  # fmt: skip


def _models(assay: Assay, model: str | None) -> list[str]:
    known = Outlook(assay).models()
    if not known:
        raise ApplicationInvalid("model.py declares no assay.Items: there are no kept inputs to score.")
    if model is None:
        return list(known)
    name = assay.application.model(model).name
    if name not in known:
        raise ApplicationInvalid(f"The model {name!r} is asked of no collection; {', '.join(known)} is.")
    return [name]


def _show(came: dict[str, dict[str, Any]], found: list[State]) -> None:
    out = show.console()
    out.print(_table(found))
    for name, one in came.items():
        again = f", {one['moved']:,} given again that were there" if one["moved"] else ""
        out.print(
            Text(show.clean(f"{name}: {one['scored']:,} scored, {one['failed']:,} failed{again}; {one['ended']}."))
        )
    for state in found:
        for reason in state.reasons:
            said = f"{reason.items:,} of {state.collection} fail by version {state.version}: {reason.error} ({reason.example})"
            out.print(Text(show.clean(said), style="red"), soft_wrap=True)
        if _rests(state):
            out.print(Text(show.clean(f"version {state.version} rests: {_rests(state)}"), style="red"), soft_wrap=True)


def _table(found: list[State]) -> Table:
    made = show.table("collection", "model", "version", *COUNTS, "given", right=["version", *COUNTS])
    for one in found:
        counts = (f"{getattr(one, name):,}" for name in COUNTS)
        given = "● to readers" if one.stands else "beside"
        made.add_row(*show.row(one.collection, one.model, str(one.version), *counts, given))
    return made


def _rests(found: State) -> str:
    """Why the version itself could not be asked; empty where it could."""
    return found.sweep.error if found.sweep is not None and found.sweep.attempts else ""
