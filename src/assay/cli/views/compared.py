"""Two versions side by side as people and programs see them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from assay.app.comparing import Comparison, Found
from assay.cli import show

MOST_FIELDS = 10  # columns of a table
COLOURS = {"better": "green", "worse": "red"}


def show_comparison(found: Comparison, *, rows: int, as_json: bool) -> None:
    """The comparison, with at most `rows` of the rows that change most."""
    if as_json:
        show.tell_json(asdict(found) | {"changes": [asdict(change) for change in found.changes[:rows]]})
        return
    out = show.console()
    first, second = (f"version {side.version} ({side.recipe})" for side in (found.first, found.second))
    out.print(Text.assemble((show.clean(f"{found.model}: {second} against {first}"), "bold")))
    out.print(Text(show.clean(_where(found))))
    out.print(_metrics_table(found))
    if found.segments:
        out.print(_segments_table(found))
    if found.changes[:rows]:
        out.print(Text("The rows that change most, by the answers as they are given", style="bold"))
        out.print(_changes_table(found, rows))


def interval(metric: str, found: Found) -> str:
    """A difference with its interval, such as -12.3 (-20.1 to -4.2); shares in per cent."""
    values = (found.difference.value, found.difference.low, found.difference.high)
    scale, unit = (100.0, " %") if metric == "mape" else (1.0, "")
    largest = scale * max(abs(value) for value in values)
    places = 4 if metric == "r2" else 1 if largest >= 100 else 2 if largest >= 0.1 or metric == "mape" else 4
    value, low, high = (f"{scale * one:+,.{places}f}" for one in values)
    return f"{value}{unit} ({low} to {high})"


def _where(found: Comparison) -> str:
    if found.source is not None:
        aside = f", {found.set_aside:,} more set aside" if found.set_aside else ""
        known = f"; one of the two has learnt from {found.known:,} of them" if found.known else ""
        return f"on all {found.rows:,} rows of {found.source}{aside}{known}"
    known = f"; {found.known:,} more are left out, for one of the two has learnt from such rows" if found.known else ""
    return f"on {found.rows:,} rows held out when version {found.second.version} was trained{known}"


def _heads(found: Comparison, *first: str) -> list[str]:
    version = "version " if _wide() else "v"
    numbers = [f"{version}{side.version}" for side in (found.first, found.second)]
    if numbers[0] == numbers[1]:
        numbers[1] += " again"
    return [*first, *numbers, "difference (95 %)", f"{version}{found.second.version} is"]


def _wide() -> bool:
    return show.console().width >= show.NARROW


def _word(found: Found) -> Text:
    return Text(found.second_is, style=COLOURS.get(found.second_is, ""))


def _metrics_table(found: Comparison) -> Table:
    heads = _heads(found, "metric")
    made = show.table(*heads, right=heads[1:4])
    for name, one in found.metrics.items():
        values = [show.metric(name, side.metrics.get(name)) for side in (found.first, found.second)]
        cells = show.row(show.metric_title(name, found.unit), *values, interval(name, one))
        made.add_row(*cells, _word(one), style="bold" if name == found.metric else "")
    return made


def _segments_table(found: Comparison) -> Table:
    heads = _heads(found, f"{show.metric_title(found.metric, found.unit)} of", "rows")
    made = show.table(*heads, right=heads[1:5])
    for name, one in found.segments.items():
        sides = [side.segments[name].get(found.metric) for side in (found.first, found.second)]
        values = [show.metric(found.metric, value) for value in sides]
        made.add_row(*show.row(name, f"{one.rows:,}", *values, interval(found.metric, one)), _word(one))
    return made


def _changes_table(found: Comparison, rows: int) -> Table:
    """One column a field, or one for the whole question where that would not fit."""
    fields = list(found.changes[0].question)
    apart = _wide() and len(fields) <= MOST_FIELDS
    numbers = [name for name, value in found.changes[0].question.items() if isinstance(value, int | float)]
    heads = ["truth", *_heads(found)[:2], "change"]
    made = show.table(*(fields if apart else ["question"]), *heads, right=[*(numbers if apart else []), *heads])
    for one in found.changes[:rows]:
        asked = [_said(one.question[name]) for name in fields]
        named = ", ".join(f"{name} {said}" for name, said in zip(fields, asked, strict=True))
        told = [show.amount(value) for value in (one.truth, one.first, one.second)]
        made.add_row(*show.row(*(asked if apart else [named]), *told, f"{one.change:+,.2f}"))
    return made


def _said(value: Any) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
