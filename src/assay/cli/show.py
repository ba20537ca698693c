"""What people see: sentences, tables and numbers on a terminal; nothing that anybody wrote can steer it."""

from __future__ import annotations

import io
import re
import shutil
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TextIO, cast

import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assay.clock import iso
from assay.domain.releases.rollout import Rollout
from assay.domain.version import Version
from assay.errors import Fault

OF_NUMBERS = ("mae", "rmse", "mape", "r2")
OF_LABELS = ("average_precision", "precision", "recall", "f1", "error", "ndcg_at_10", "log_loss", "calibration_error")
TITLES = {
    "r2": "R²", "average_precision": "avg. precision", "ndcg_at_10": "NDCG@10", "log_loss": "log loss",
    "calibration_error": "calib. error", "brier": "Brier",
}  # fmt: skip
WIDE = 180
NARROW = 104
BOUNDLESS = 10_000
MANY_FAULTS = 20
BLANKS = re.compile(r" +$", re.MULTILINE)
NEXT = {
    "artifact_rejected": "`assay doctor APP` says which files are damaged; `assay rollback APP` goes back.",
    "data_invalid": "Nothing was registered.",
    "malformed_json": "A question is a JSON object, or a list of them; quote it for the shell: '{\"carat\": 1.0}'.",
    "model_not_found": "model.py declares the models.",
    "storage_unavailable": "`assay doctor APP` looks at the store.",
    "version_not_found": "`assay versions APP` lists them.",
    "version_rejected": "`assay versions APP` shows which ones are ready.",
}


class Unpadded(io.TextIOBase):
    """Standard output where it is no terminal: no line ends with blanks, which would only make files larger."""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has a plain attribute
        """Standard output's own."""
        return sys.stdout.encoding

    def write(self, text: str) -> int:
        """Writes whole lines."""
        return sys.stdout.write(BLANKS.sub("", text))

    def flush(self) -> None:
        """Hands on what was written."""
        sys.stdout.flush()


def console() -> Console:
    """Standard output. Where it is no terminal, tables are as wide as COLUMNS says, or as they need to be."""
    if sys.stdout.isatty():
        return Console(highlight=False, markup=False, emoji=False)
    width = shutil.get_terminal_size((WIDE, 0)).columns
    return Console(width=width, file=cast(TextIO, Unpadded()), highlight=False, markup=False, emoji=False)


def notes() -> Console:
    """Standard error: what is said beside the answer."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def tell_json(value: Any) -> None:
    """The answer for programs; numbers as they are."""
    click.echo(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2))


def error(sentence: str, *, faults: Sequence[Fault] = (), then: str = "") -> None:
    """What went wrong in one line, each single fault, and what to do next."""
    said = notes()
    said.print(Text.assemble(("error: ", "bold red"), clean(sentence)))
    for fault in faults[:MANY_FAULTS]:
        said.print(Text(clean(f"  {fault.pointer}: {fault.detail}")))
    if len(faults) > MANY_FAULTS:
        said.print(Text(f"  ... and {len(faults) - MANY_FAULTS} more"))
    if then:
        said.print(Text(then, style="dim"))


def clean(text: str) -> str:
    """One line in which control characters are spelt out, so that no file can move the cursor."""
    return "".join(
        mark if mark.isprintable() else " " if mark == "\n" else mark.encode("unicode_escape").decode() for mark in text
    )


# ---- numbers and times


def amount(value: float | None) -> str:
    """A quantity in the target's unit."""
    if value is None:
        return "–"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4g}"


def metric(name: str, value: float | None) -> str:
    """A metric as people read it: MAPE and the share of errors in per cent."""
    if value is None:
        return "–"
    if name in ("mape", "error"):
        return f"{100 * value:.2f} %"
    return f"{value:.4f}" if name in ("r2", *OF_LABELS) else amount(value)


def metrics_of(*found: Mapping[str, float]) -> tuple[str, ...]:
    """The metrics that people are shown of versions that have these."""
    return OF_LABELS if any("average_precision" in one for one in found) else OF_NUMBERS


def metric_title(name: str, unit: str) -> str:
    """The head of a metric's column."""
    title = TITLES.get(name, name if name in OF_LABELS else name.upper())
    return f"{title} [{unit}]" if unit and name in ("mae", "rmse") else title


def took(took_ms: float) -> str:
    """A duration."""
    if took_ms < 60_000:
        return f"{took_ms / 1000:.1f} s"
    minutes, seconds = divmod(round(took_ms / 1000), 60)
    return f"{minutes}m {seconds:02d}s"


def moment(at: int) -> str:
    """A time in microseconds, for people: in UTC, to the second."""
    return iso(at)[:19].replace("T", " ") + " UTC"


# ---- tables and pictures of things


def table(*heads: str, right: Iterable[str] = (), title: str = "") -> Table:
    """An empty table; the columns named in `right` hold numbers."""
    made = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=clean(title) or None,
        title_justify="left",
        title_style="bold",
    )
    numbers = set(right)
    for head in heads:
        made.add_column(Text(head), justify="right" if head in numbers else "left", no_wrap=head in numbers)
    return made


def row(*cells: str, style: str = "") -> tuple[Text, ...]:
    """Cells of a row, with nothing in them that a terminal would obey."""
    return tuple(Text(clean(cell), style=style) for cell in cells)


def fitting(
    heads: Sequence[str],
    rows: Iterable[tuple[Mapping[str, str], str]],
    *,
    right: Collection[str] = (),
    spare: Iterable[str] = (),
) -> Table:
    """A table of cells by their heads, each row with its style, in which no cell is cut.

    Where the terminal is too narrow, columns that can be spared are left out, the first of `spare` first.
    """
    out, shown, left, known = console(), list(heads), list(spare), list(rows)
    while True:
        made = table(*shown, right=right)
        for cells, style in known:
            made.add_row(*row(*(cells[one] for one in shown), style=style))
        if not left or out.measure(made, options=out.options.update(max_width=BOUNDLESS)).maximum <= out.width:
            return made
        shown = [one for one in shown if one != left[0]]
        del left[0]


def versions_table(
    versions: Sequence[Version], *, ruling: int | None, unit: str, metric_of: str = "", ranked: bool = False
) -> Table:
    """Versions as a leaderboard (in the order given, `ranked`) or as a history with dates; the ruling one is marked.

    On a narrow terminal the less telling columns are left out; that of the metric by which versions are ranked stays.
    """
    wide = console().width >= NARROW
    shown = metrics_of(*(version.metrics for version in versions))
    shown = (metric_of,) * bool(metric_of and metric_of not in shown) + shown
    titles = {name: metric_title(name, unit if wide else "") for name in shown}
    rank = "rank" if wide else "#"
    heads = [rank] * ranked + ["version", "recipe", *titles.values()] + ["engine"] * wide
    heads += ["took"] * (wide or ranked) + ["trained"] * (not ranked) + ["status"]
    rows = [
        _version_cells(version, place, rules=version.number == ruling, wide=wide)
        for place, version in enumerate(versions, 1)
    ]
    told = [
        (cells | {title: metric(name, version.metrics.get(name)) for name, title in titles.items()}, style)
        for (cells, style), version in zip(rows, versions, strict=True)
    ]
    spare = [title for name, title in reversed(titles.items()) if name != (metric_of or shown[0])]
    return fitting(heads, told, right=[rank, "version", *titles.values(), "took"], spare=[*spare, "engine", "took"])


def _version_cells(version: Version, place: int, *, rules: bool, wide: bool) -> tuple[dict[str, str], str]:
    cells = {
        "rank" if wide else "#": str(place) if version.status == "ready" else "–",
        "version": str(version.number),
        "recipe": version.recipe,
        "engine": version.engine or "–",
        "took": took(version.took_ms),
        "trained": moment(version.created_at)[: None if wide else 10],
        "status": "● answers" if rules else version.status,
    }
    return cells, "bold green" if rules else "red" if version.status != "ready" else ""


def metrics_table(metrics: dict[str, float], segments: dict[str, dict[str, float]], *, rows: int, unit: str) -> Table:
    """Metrics over all rows and by segment."""
    shown = metrics_of(metrics)
    titles = [metric_title(name, unit) for name in shown]
    told = []
    for name, found in {"all": {"rows": float(rows)} | metrics, **segments}.items():
        values = (metric(one, found.get(one)) for one in shown)
        cells = {"rows of": name, "count": f"{found.get('rows', 0):,.0f}"} | dict(zip(titles, values, strict=True))
        told.append((cells, "bold" if name == "all" else ""))
    return fitting(["rows of", "count", *titles], told, right=["count", *titles], spare=titles[:0:-1])


def facts(*pairs: tuple[str, str]) -> Table:
    """Facts, one a line."""
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        made.add_row(Text(name, style="dim"), Text(clean(value)))
    return made


# ---- the same for programs


def version_json(version: Version) -> dict[str, Any]:
    """A version in full."""
    return msgspec.structs.asdict(version) | {"created_at": iso(version.created_at)}


def rollout_json(rollout: Rollout) -> dict[str, Any]:
    """A decision in full."""
    return msgspec.structs.asdict(rollout) | {"at": iso(rollout.at)}
