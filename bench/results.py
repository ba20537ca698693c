"""Where figures are kept and how they are shown: lines of JSON, tables on the terminal, and the table of the page."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

FOLDER = Path(__file__).with_name("results")
PAGE = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures: python -m bench page writes them -->", "<!-- end of figures -->"
Figures = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A title, heads and lines of text."""

    title: str
    heads: Sequence[str]
    lines: Sequence[Sequence[str]]


def append(name: str, rows: Iterable[Figures]) -> None:
    """Adds lines to the results of this name."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{name}.jsonl").open("a") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")


def newest(name: str) -> list[Figures]:
    """The rows of the last run of this name that ended well; none where there is none."""
    file = FOLDER / f"{name}.jsonl"
    rows: list[Figures] = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    ended = [row["run"] for row in rows if row["kind"] == "run"]
    return [row for row in rows if ended and row["run"] == ended[-1]]


def conditions() -> Figures:
    """What a figure depends on besides the programs."""
    root = Path(__file__).resolve().parents[1]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True, check=False
    ).stdout.strip()
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, re.MULTILINE)
    return {
        "at": time.strftime("%Y-%m-%d %H:%M"), "commit": commit, "cores": os.cpu_count() or 1,
        "processor": model[1] if model else platform.machine(), "python": platform.python_version(),
        "system": f"Linux {platform.release()}", "busy_before": os.getloadavg()[0],
    }  # fmt: skip


def said(run: Figures) -> str:
    """The conditions of a run in one line."""
    plan = ", ".join(f"{name} {value}" for name, value in run["plan"].items())
    return (
        f"{run['at']}, {run['cores']} cores of {run['processor']}, {run['system']}, Python {run['python']}, commit"
        f" {run['commit']}, load average before {run['busy_before']:.1f}; stones: {run['data']}; {plan}."
    )


def show(tables: Iterable[Table]) -> None:
    """Prints tables."""
    console = Console(highlight=False, width=None if os.isatty(1) else 160)
    for table in tables:
        made = RichTable(title=table.title, title_justify="left", title_style="bold")
        for place, head in enumerate(table.heads):
            made.add_column(head, justify="left" if place == 0 else "right")
        for line in table.lines:
            made.add_row(*line)
        console.print(made)


def write_page(tables_of: dict[str, Callable[[list[Figures]], list[Table]]]) -> list[str]:
    """Puts the newest figures of every measurement between the two marks of the page; which ones were there.

    What was measured elsewhere, and of which there are no figures here, stays on the page as it is.
    """
    text = PAGE.read_text()
    before, begin, rest = text.partition(BEGIN)
    there, end, after = rest.partition(END)
    kept = {part.partition("\n")[0]: f"### {part.strip()}" for part in there.split("### ")[1:]}
    if not begin or not end:
        raise SystemExit(f"{PAGE} has lost the marks between which its figures stand.")
    parts = []
    for name, tables in tables_of.items():
        if rows := newest(name):
            (run,) = (row for row in rows if row["kind"] == "run")
            parts += [f"### {name}\n\n{said(run)}", *(_markdown(table) for table in tables(rows))]
        elif name in kept:
            parts.append(kept[name])
    PAGE.write_text(before + begin + "\n\n" + "".join(part + "\n\n" for part in parts) + end + after)
    return [name for name in tables_of if newest(name)]


def of_kind(rows: Iterable[Figures], kind: str, **wanted: Any) -> list[Figures]:
    """The rows of a kind that have these values."""
    return [row for row in rows if row["kind"] == kind and all(row[name] == value for name, value in wanted.items())]


def median(rows: Iterable[Figures], name: str) -> float:
    """The median of a figure."""
    return statistics.median(float(row[name]) for row in rows)


def ratios(above: Sequence[Figures], below: Sequence[Figures], name: str) -> list[float]:
    """A figure of one server over that of another, round by round."""
    other = {row["round"]: float(row[name]) for row in below}
    return [float(row[name]) / other[row["round"]] for row in above if other.get(row["round"])]


def each(values: Sequence[float]) -> list[str]:
    """The median of ratios, and each of them."""
    if not values:
        return ["–", "–"]
    return [f"{statistics.median(values):.3g}", "  ".join(f"{value:.3g}" for value in values)]


def distinct(rows: Iterable[Figures], name: str) -> list[Any]:
    """The values of a column in the order of their first appearance."""
    return list(dict.fromkeys(row[name] for row in rows))


def _markdown(table: Table) -> str:
    lines = [table.heads, ["---", *["---:"] * (len(table.heads) - 1)], *table.lines]
    return f"**{table.title}**\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)
