"""The table that says who said what when in which recording, read strictly: each fault is named by line, field and rule."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.errors import DataInvalid

COLUMNS = ("file", "utterance", "start_s", "end_s")
LONGEST_TABLE = 64 << 20  # bytes
LONGEST_UTTERANCE = 200  # characters
ROUNDED_S = 0.01  # times in a table are rounded, and may so end a little after the recording
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?", re.ASCII)


@dataclass(frozen=True, order=True)
class Utterance:
    """Words that were said between two moments, in seconds; `line` is where the table says so."""

    start_s: float
    end_s: float
    words: str
    line: int


def read(table: Path, label: str, files: Collection[str]) -> dict[str, list[Utterance]]:
    """The utterances of each file that the table names, in the order of time; `files` are those that there are.

    Raises DataInvalid, which names the line, the field and the rule.
    """
    from assay.sources import delimited  # noqa: PLC0415 - who only looks at what is there needs no library of frames

    if table.stat().st_size > LONGEST_TABLE:
        raise DataInvalid(f"{label}: the table has more than {LONGEST_TABLE:,} bytes.")
    with table.open("rb") as opened:
        delimited.check(opened, label)
    text = table.read_text("utf-8-sig")  # whose reader makes one of all ends of lines
    found: dict[str, list[Utterance]] = defaultdict(list)
    told: dict[tuple[str, ...], int] = {}
    for line, row in _rows(text, label):
        file, utterance = _utterance(line, row, label, files)
        values = tuple(row[name] for name in COLUMNS)
        if values in told:
            raise DataInvalid(f"{label}: line {line}: says what line {told[values]} says already.")
        told[values] = line
        found[file].append(utterance)
    return {file: sorted(said) for file, said in found.items()}


def check_within(said: list[Utterance], duration_s: float, file: str, label: str) -> None:
    """Raises DataInvalid where an utterance ends after its recording."""
    late = next((one for one in said if one.end_s > duration_s + ROUNDED_S), None)
    if late is not None:
        _refuse(label, late.line, "end_s", f"is {late.end_s:g}, and {file!r} ends at {duration_s:.3f} seconds")


def _rows(text: str, label: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text))
    names = [name.strip() for name in next(reader)]
    strange = next((name for name in names if name not in COLUMNS), None)
    if strange is not None:
        raise DataInvalid(f"{label}: line 1: the column {strange[:80]!r} is unknown; there are {', '.join(COLUMNS)}.")
    missing = next((name for name in COLUMNS if name not in names), None)
    if missing is not None:
        raise DataInvalid(f"{label}: line 1: the column {missing!r} is missing.")
    for values in reader:
        if values:
            yield reader.line_num, dict(zip(names, (value.strip() for value in values), strict=True))


def _utterance(line: int, row: dict[str, str], label: str, files: Collection[str]) -> tuple[str, Utterance]:
    file, words = row["file"], row["utterance"]
    if file not in files:
        _refuse(label, line, "file", f"{file[:200]!r} is no recording that is here")
    if not 1 <= len(words) <= LONGEST_UTTERANCE or not words.isprintable():
        _refuse(label, line, "utterance", f"must be 1 to {LONGEST_UTTERANCE} printable characters")
    start, end = (_seconds(line, row, name, label) for name in ("start_s", "end_s"))
    if start >= end:
        _refuse(label, line, "start_s", f"is {start:g}, which must be before end_s, {end:g}")
    return file, Utterance(start, end, words, line)


def _seconds(line: int, row: dict[str, str], name: str, label: str) -> float:
    value = float(row[name]) if _SECONDS.fullmatch(row[name]) else math.nan
    if not math.isfinite(value):
        _refuse(
            label,
            line,
            name,
            f"must be a number of seconds from the beginning, such as 1.25, and is {row[name][:40]!r}",
        )
    return value


def _refuse(label: str, line: int, field: str, rule: str) -> None:
    raise DataInvalid(f"{label}: line {line}: {field} {rule}.")
