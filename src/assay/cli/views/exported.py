"""An export as people and programs see it: how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from assay.app.record.exporting import Exported
from assay.cli import show
from assay.clock import ticks_us
from assay.domain.model import Model

QUARTERS = 4
Heard = Callable[[int, int], None]


@contextmanager
def progress() -> Iterator[Heard]:
    """Shows on standard error how far an export is: a bar on a terminal, else a line at each quarter."""
    notes = show.notes()
    began, told = ticks_us(), 0
    if notes.is_terminal and not notes.is_dumb_terminal:
        columns = (TextColumn("exporting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=notes, transient=True) as bars:
            task = bars.add_task("", total=None)
            yield lambda done, of: bars.update(task, completed=done, total=of)
        return

    def say(done: int, of: int) -> None:
        nonlocal told
        quarter = QUARTERS * done // max(of, 1)
        if told < quarter < QUARTERS:
            told = quarter
            notes.print(Text(f"{done:,} of {of:,} looked at after {show.took((ticks_us() - began) / 1000)}"))

    yield say


def show_exported(found: Exported, out: Path, model: Model[Any] | None, *, as_json: bool) -> None:
    """What was written, and where."""
    name = model.name if model else None
    if as_json:
        show.tell_json({"out": str(out), "model": name, "predictions": found.rows, "bytes": found.size})
        return
    of = f" of {name}" if name else ""
    said = f"{found.rows:,} prediction{'' if found.rows == 1 else 's'}{of}, {found.size / 1e6:,.1f} MB: {out}"
    show.console().print(Text(show.clean(said)), soft_wrap=True)
