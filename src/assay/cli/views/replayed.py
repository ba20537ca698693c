"""Answers given again as people and programs see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from assay.app.replaying import Replayed, Tally
from assay.cli import show
from assay.clock import ticks_us
from assay.domain.model import Model

SHOWN = 10
QUARTERS = 4
Heard = Callable[[int, int], None]


@contextmanager
def progress() -> Iterator[Heard]:
    """Shows on standard error how far a replay is: a bar on a terminal, else a line at each quarter."""
    notes = show.notes()
    began, told = ticks_us(), 0
    if notes.is_terminal and not notes.is_dumb_terminal:
        columns = (TextColumn("asking again"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=notes, transient=True) as bars:
            task = bars.add_task("", total=None)
            yield lambda done, of: bars.update(task, completed=done, total=of)
        return

    def say(done: int, of: int) -> None:
        nonlocal told
        quarter = QUARTERS * done // max(of, 1)
        if quarter > told:
            told = quarter
            notes.print(Text(f"{done:,} of {of:,} asked again after {show.took((ticks_us() - began) / 1000)}"))

    yield say


def show_replayed(found: Replayed, model: Model[Any], *, as_json: bool) -> bool:
    """One answer, as it was recorded and as it is computed now; whether they are equal."""
    if as_json:
        show.tell_json(asdict(found) | {"model": model.name, "equal": found.equal})
        return found.equal
    out = show.console()
    told = ("equal, byte for byte", "green") if found.equal else ("different", "bold red")
    out.print(Text.assemble((f"{model.name} version {found.version}", "bold"), "  ", told))
    out.print(show.facts(("question", found.question), ("recorded", found.recorded), ("recomputed", found.recomputed)))
    return found.equal


def show_replay(tally: Tally, model: Model[Any], *, as_json: bool) -> bool:
    """What a replay of many answers came to; whether all were equal."""
    same = not tally.different and not tally.cannot
    if as_json:
        show.tell_json({
            "model": model.name, "replayed": tally.done, "equal": tally.equal, "different": tally.different,
            "cannot": [
                {"version": number, "answers": count, "reason": reason} for number, (count, reason) in tally.cannot.items()
            ],
            "first": [asdict(one) for one in tally.first],
        })  # fmt: skip
        return same
    out = show.console()
    cannot = sum(count for count, _ in tally.cannot.values())
    said = f"{tally.done:,} answers asked for again: {tally.equal:,} equal byte for byte, {tally.different:,} different"
    more = f", {cannot:,} that cannot be given again" if cannot else ""
    out.print(Text(said + more, style="bold green" if same else "bold red"), soft_wrap=True)
    for number, (count, reason) in tally.cannot.items():
        out.print(Text(show.clean(f"  version {number}, {count:,} answers: {reason}"), style="red"), soft_wrap=True)
    if tally.first:
        made = show.table(
            "prediction", "version", "recorded", "recomputed", right=["version", "recorded", "recomputed"]
        )
        for one in tally.first[:SHOWN]:
            made.add_row(*show.row(one.id, str(one.version), one.recorded, one.recomputed))
        out.print(made)
    if tally.different > SHOWN:
        out.print(Text(f"  and {tally.different - SHOWN:,} more; --json tells the first hundred", style="dim"))
    return same
