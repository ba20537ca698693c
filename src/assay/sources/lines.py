"""JSON Lines, each line one flat object: faults are found by line before a row is believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from assay.errors import DataInvalid

LONGEST_LINE = 1 << 20
MOST_COLUMNS = 1000
Scalar = float | int | str | bool | None
_ROW = msgspec.json.Decoder(dict[str, Scalar])
_NOUNS = {int: "a number", float: "a number", str: "a text", bool: "true or false"}
Shape = tuple[tuple[str, ...], tuple[type, ...]]


def read(file: Path, label: str) -> pl.DataFrame:
    """All rows; blank lines do not count, and a key that a line lacks is null. Raises DataInvalid."""
    if not check(file, label):
        return pl.read_ndjson(file, infer_schema_length=None)
    full = b"".join(line + b"\n" for line in file.read_bytes().splitlines() if line.strip())
    return pl.read_ndjson(full, infer_schema_length=None) if full else pl.DataFrame()


def check(file: Path, label: str) -> bool:
    """Raises DataInvalid, which names the line and the rule, unless each line is an object of numbers, texts and flags.

    A key's values must all be of one sort. Answers whether there are blank lines.
    """
    sorts: dict[str, tuple[str, int]] = {}
    seen: set[Shape] = set()
    blank, number = False, 0
    with file.open("rb") as opened:
        while line := opened.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise DataInvalid(f"{label}: line {number}: is longer than {LONGEST_LINE:,} bytes.")
            if not line.strip():
                blank = True
                continue
            row = _decoded(line, number, label)
            shape = (tuple(row), tuple(map(type, row.values())))
            if shape not in seen:
                seen.add(shape)
                _same_sorts(row, sorts, number, label)
    return blank


def _decoded(line: bytes, number: int, label: str) -> dict[str, Any]:
    try:
        row = _ROW.decode(line)
    except msgspec.DecodeError as wrong:  # a value of another type is one, too
        raise DataInvalid(f"{label}: line {number}: {_short(wrong)}.") from wrong
    except UnicodeDecodeError as wrong:
        raise DataInvalid(f"{label}: line {number}, byte {wrong.start}: is not UTF-8.") from wrong
    if "\0" in line.decode() or rb"\u0000" in line:
        raise DataInvalid(f"{label}: line {number}: holds a NUL, which no text holds.")
    return row


def _same_sorts(row: dict[str, Any], sorts: dict[str, tuple[str, int]], number: int, label: str) -> None:
    for key, value in row.items():
        if not key.strip():
            raise DataInvalid(f"{label}: line {number}: a key has no name.")
        if value is None:
            sorts.setdefault(key, ("", number))
            continue
        sort, line = _NOUNS[type(value)], number
        known, line = sorts.get(key, ("", number))
        if known and known != sort:
            raise DataInvalid(f"{label}: line {number}: {key[:80]!r} is {sort}, and {known} in line {line}.")
        sorts[key] = (sort, line if known else number)
    if len(sorts) > MOST_COLUMNS:
        raise DataInvalid(f"{label}: line {number}: there are more than {MOST_COLUMNS:,} keys.")


def _short(wrong: Exception) -> str:
    return str(wrong).splitlines()[0].rstrip(".")[:200]
