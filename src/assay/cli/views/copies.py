"""Copies of the store as people and programs see them: how far one is, what is in it, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from assay.cli import show
from assay.cli.views.checks import Check
from assay.store.copies.named import Place
from assay.store.copies.notice import Heard, Notice
from assay.store.copies.soundness import Finding

MANY = 5


class Bars:
    """A bar for each part of the work, on a terminal."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, part: str, done: int, of: int) -> None:
        """Takes how far a part is."""
        if part not in self._tasks:
            self._tasks[part] = self._bars.add_task(part)
        self._bars.update(self._tasks[part], completed=done, total=of)


@contextmanager
def progress() -> Iterator[Heard]:
    """Shows on standard error how far the work is, where that is a terminal."""
    notes = show.notes()
    if not notes.is_terminal or notes.is_dumb_terminal:
        yield lambda *_: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=notes, transient=True) as bars:
        yield Bars(bars)


def check_of(finding: Finding) -> Check:
    """One line of the table; a fault that says itself what to do says it."""
    if not finding.faults:
        return Check(name=finding.name, state="ok", found=finding.found)
    said = "; ".join(finding.faults[:MANY])
    more = f"; and {len(finding.faults) - MANY} more" if len(finding.faults) > MANY else ""
    return Check(name=finding.name, state="fail", found=said + more, todo=ADVICE.get(finding.name, ""))


ADVICE = {
    "schema": "`assay db upgrade APP`, with the newest Assay.",
    "database": "`assay db restore APP FOLDER`, into an empty home; keep the damaged one.",
    "tables": "`assay db restore APP FOLDER`.",
    "files": "Bring the files back from a backup's artifacts/, or train anew.",
    "store": "`assay db restore APP FOLDER`, into an empty home; keep the damaged one.",
}


def show_upgraded(before: str | None, now: str, *, as_json: bool) -> None:
    """From which schema to which."""
    if as_json:
        show.tell_json({"from": before, "to": now})
        return
    said = f"The store has schema {now} already." if before == now else f"Upgraded from {before or 'nothing'} to {now}."
    show.console().print(Text(said))


def show_backup(made: Notice, folder: Path, *, as_json: bool) -> None:
    """What is in a backup."""
    if as_json:
        show.tell_json({"folder": str(folder), **msgspec.to_builtins(made)})
        return
    next_ = f"`assay db check APP --home {folder}` reads it; `assay db restore APP {folder}` puts it back."
    _tell(f"Backed up to {folder}", made, "Missing in the store itself", next_)


def show_restored(made: Notice, kind: str, place: Place, *, as_json: bool) -> None:
    """What was put where."""
    if as_json:
        told = {"database": kind, "home": str(place.home), "restored": msgspec.to_builtins(made)}
        show.tell_json(told)
        return
    where = "the database" if kind == "postgresql" else str(place.home)
    next_ = "`assay db check APP` reads it; `assay serve APP` answers from it."
    _tell(f"Restored to {where}", made, "Missing in the backup, as in its store", next_)


def _tell(done: str, made: Notice, missing: str, next_: str) -> None:
    out = show.console()
    lines = [f"{done}, as of {made.began_at[:19].replace('T', ' ')} UTC.", _contents(made)]
    lines += [f"{missing}: a file of {by} ({name[:12]}…)." for name, by in made.missing.items()]
    for line in (*lines, next_):
        out.print(Text(show.clean(line), style="red" if line.startswith(missing) else ""), soft_wrap=True)


def _contents(made: Notice) -> str:
    rows = {"exchanges": "exchanges", "predictions": "predictions", "versions": "versions", "jobs": "jobs"}
    counted = ", ".join(f"{made.rows.get(table, 0):,} {name}" for table, name in rows.items())
    size = (made.database_bytes + made.files_bytes) / (1 << 20)
    return f"{counted}; {made.files:,} files; {size:,.1f} MiB in all, schema {made.schema}"
