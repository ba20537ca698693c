"""Rows from wherever they are, in parts: one for each file, object or query."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from assay.errors import DataInvalid
from assay.sources import buckets, databases
from assay.sources.files import LIMIT_BYTES, files_at, read_file
from assay.sources.looks import counts, kind


@dataclass(frozen=True)
class Part:
    """Rows that came together, and where from; one that cannot be read has no rows and the sentence why in `refused`."""

    name: str
    rows: pl.DataFrame = field(default_factory=pl.DataFrame)
    refused: str = ""


def read_parts(place: str, query: str | None = None, limit_bytes: int = LIMIT_BYTES) -> list[Part]:
    """The rows at a path, folder, glob, bucket address or database address, in parts sorted by name.

    A database's rows are those that `query` gives, in one part that is named after the address, without user and
    password. `limit_bytes` is the longest that one file, object or query's rows may be. Where there are several files, one
    that cannot be read is a part without rows; raises DataInvalid where that is the only one, or nothing is there.
    """
    where = kind(place)
    if where == "database":
        return [Part(databases.shown(place), _queried(place, query, limit_bytes))]
    parts = _of_bucket(place, limit_bytes) if where == "bucket" else _of_files(Path(place), limit_bytes)
    if all(part.refused for part in parts):
        raise DataInvalid(parts[0].refused)
    return parts


def _of_files(path: Path, limit_bytes: int) -> list[Part]:
    files = files_at(path)
    if len(files) == 1:
        return [Part(files[0].name, read_file(files[0], limit_bytes=limit_bytes))]
    root = os.path.commonpath([file.parent for file in files])
    names = {os.path.relpath(file, root): file for file in files}
    return [_part(name, file, limit_bytes) for name, file in sorted(names.items())]


def _of_bucket(place: str, limit_bytes: int) -> list[Part]:
    objects = [one for one in buckets.listed(place) if counts(Path(one.path).name)]
    if not objects:
        raise DataInvalid(f"{place}: there is no object with rows.")
    parts = []
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        for one in objects:
            file = Path(folder) / f"object{Path(one.path).suffix.lower()}"
            if one.size > limit_bytes:
                said = f"the file has {one.size:,} bytes; at most {limit_bytes:,} are read."
                parts.append(Part(one.path, refused=f"{one.path}: {said}"))
                continue
            buckets.fetch(place, one.path, file, limit_bytes)
            parts.append(_part(one.path, file, limit_bytes))
            file.unlink()
    return parts


def _part(name: str, file: Path, limit_bytes: int) -> Part:
    try:
        return Part(name, read_file(file, name, limit_bytes=limit_bytes))
    except DataInvalid as refused:
        return Part(name, refused=str(refused))


def _queried(place: str, query: str | None, limit_bytes: int) -> pl.DataFrame:
    label = databases.shown(place)
    with databases.rows(place, query) as (names, chunks):
        twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
        if twice is not None:
            raise DataInvalid(f"{label}: the query names two columns {twice[:80]!r}.")
        frames: list[pl.DataFrame] = []
        size = 0.0
        for chunk in chunks:
            frames.append(_frame(names, chunk))
            size += frames[-1].estimated_size()
            if size > limit_bytes:
                raise DataInvalid(f"{label}: the query's rows take more than {limit_bytes:,} bytes.")
    if not frames:
        raise DataInvalid(f"{label}: the query gives no rows.")
    try:
        return pl.concat(frames, how="vertical_relaxed", rechunk=True)
    except pl.exceptions.PolarsError as wrong:
        raise DataInvalid(
            f"{label}: a column holds values of several types ({str(wrong).splitlines()[0][:200]})."
        ) from wrong


def _frame(names: list[str], chunk: Sequence[Sequence[Any]]) -> pl.DataFrame:
    columns = zip(*chunk, strict=True)
    return pl.DataFrame([pl.Series(name, values, strict=False) for name, values in zip(names, columns, strict=True)])
