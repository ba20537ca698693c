"""Rows as they come, in lists of bounded length: of tables that are longer than anybody wants to hold in memory."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from assay.errors import DataInvalid
from assay.sources import buckets, columnar, databases, delimited, lines
from assay.sources.content import refuse_disguise
from assay.sources.files import files_at
from assay.sources.looks import counts, kind

CHUNK = 5_000  # rows
LIMIT_BYTES = 8 << 30


class Chunk(NamedTuple):
    """Some rows in a row, how far in their file they are, from 0 to 1, and whether their numbers may be texts."""

    rows: list[dict[str, Any]]
    share: float
    texts: bool = False


def stream(place: str, query: str | None = None, limit_bytes: int = LIMIT_BYTES) -> Iterator[Chunk]:
    """The rows at a path, folder, glob, bucket address or database address, at most 5,000 at a time.

    A database's rows are those that `query` gives; nobody knows how far they are. Raises DataInvalid, which names file and
    rule.
    """
    where = kind(place)
    if where == "database":
        with databases.rows(place, query) as (names, chunks):
            for chunk in chunks:
                yield Chunk([dict(zip(names, row, strict=True)) for row in chunk], 0.0)
    elif where == "bucket":
        yield from _of_bucket(place, limit_bytes)
    else:
        files = files_at(Path(place))
        for number, file in enumerate(files):
            yield from _within(_of_file(file, str(file)), number, len(files))


def _of_bucket(place: str, limit_bytes: int) -> Iterator[Chunk]:
    objects = [one for one in buckets.listed(place) if counts(Path(one.path).name)]
    if not objects:
        raise DataInvalid(f"{place}: there is no object with rows.")
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        for number, one in enumerate(objects):
            file = Path(folder) / f"object{Path(one.path).suffix.lower()}"
            buckets.fetch(place, one.path, file, limit_bytes)
            yield from _within(_of_file(file, one.path), number, len(objects))
            file.unlink()


def _within(chunks: Iterator[Chunk], number: int, of: int) -> Iterator[Chunk]:
    """The share of all files, told those of one."""
    for chunk in chunks:
        yield chunk._replace(share=(number + chunk.share) / of)


def _of_file(file: Path, label: str) -> Iterator[Chunk]:
    ending = file.suffix.lower()
    try:
        refuse_disguise(file, ending, label)
        if ending == ".parquet":
            yield from _columnar(file, label)
        elif ending == ".csv":
            yield from _delimited(file, label)
        else:
            yield from _lines(file, label)
    except (OSError, UnicodeError) as failed:
        raise DataInvalid(f"{label}: the file cannot be read ({type(failed).__name__}).") from failed


def _columnar(file: Path, label: str) -> Iterator[Chunk]:
    frame = columnar.read(file, label)  # decoded by a process of its own into a file that is mapped, not read
    for start in range(0, frame.height, CHUNK):
        yield Chunk(frame.slice(start, CHUNK).to_dicts(), min(start + CHUNK, frame.height) / frame.height)


def _delimited(file: Path, label: str) -> Iterator[Chunk]:
    with file.open("rb") as opened:
        delimited.check(opened, label)
        size = max(opened.seek(0, 2), 1)
    with file.open("rb") as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as text:
        rows = csv.reader(text)
        names = [name.strip() for name in next(rows)]
        full = (row for row in rows if row)
        while some := list(islice(full, CHUNK)):
            found = [dict(zip(names, row, strict=True)) for row in some]
            yield Chunk(found, min(raw.tell() / size, 1.0), texts=True)


def _lines(file: Path, label: str) -> Iterator[Chunk]:
    lines.check(file, label)
    size = max(file.stat().st_size, 1)
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with file.open("rb") as opened:
        while some := list(islice(opened, CHUNK)):
            yield Chunk([decode(line) for line in some if line.strip()], min(opened.tell() / size, 1.0))
