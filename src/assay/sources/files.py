"""Training rows from files: one CSV, Parquet or JSON-Lines file, a folder of them, or a glob."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from assay.errors import DataInvalid
from assay.sources import columnar, delimited, lines
from assay.sources.content import refuse_disguise
from assay.sources.looks import ENDINGS, found

LIMIT_BYTES = 1 << 30
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeError)


def read_rows(path: str | Path) -> pl.DataFrame:
    """All rows of a file, of every such file of a folder, or of every file that a glob names, sorted by name.

    The columns come in the order of the first file; all files must have the same ones, of types that fit together.
    Raises DataInvalid, which names the file and the rule.
    """
    files = files_at(Path(path))
    frames = [read_file(file) for file in files]
    first = frames[0]
    for file, frame in zip(files, frames, strict=True):
        _same_columns(files[0], first, file, frame)
        _same_types(files[0], first, file, frame)
    return pl.concat([frame.select(first.columns) for frame in frames], how="vertical_relaxed", rechunk=True)


def read_file(
    file: Path,
    label: str | None = None,
    *,
    ending: str | None = None,
    limit_bytes: int = LIMIT_BYTES,
    trusted: bool = False,
) -> pl.DataFrame:
    """All rows of one file, which is read as its ending says, or as told.

    `label` is what refusals call the file; its path unless told. A Parquet file that is not `trusted` is decoded by a
    process of its own, under limits. Raises DataInvalid, which names the file, the line or column, and the rule.
    """
    label = label or str(file)
    ending = (ending or file.suffix).lower()
    if ending not in ENDINGS:
        raise DataInvalid(f"{label}: rows are read from {_endings()} files, not from {ending or 'this'}.")
    try:
        size = file.stat().st_size
        if size > limit_bytes:
            raise DataInvalid(f"{label}: the file has {size:,} bytes; at most {limit_bytes:,} are read.")
        refuse_disguise(file, ending, label)
        rows = _decoded(file, ending, label, trusted=trusted)
    except _UNREADABLE as error:
        raise DataInvalid(f"{label}: the file cannot be read as {ending} ({_short(error)}).") from error
    if rows.height == 0 or rows.width == 0:
        raise DataInvalid(f"{label}: the file holds no rows.")
    return rows


def files_at(path: Path) -> list[Path]:
    """The files that a path, a folder or a glob names, in their order; raises DataInvalid where one holds no rows."""
    named = found(path)
    if not named:
        if path.is_dir():
            raise DataInvalid(f"{path}: the folder holds no {_endings()} file.")
        raise DataInvalid(f"{path}: there is no such file, folder or match.")
    strange = next((file for file in named if file.suffix.lower() not in ENDINGS), None)
    if strange is not None:
        raise DataInvalid(f"{strange}: rows are read from {_endings()} files, not from {strange.suffix or 'this'}.")
    return named


def _decoded(file: Path, ending: str, label: str, *, trusted: bool) -> pl.DataFrame:
    if ending == ".parquet":
        return columnar.read(file, label, trusted=trusted)
    return delimited.read(file, label) if ending == ".csv" else lines.read(file, label)


def _endings() -> str:
    *most, last = ENDINGS
    return f"{', '.join(most)} or {last}"


def _same_columns(first_file: Path, first: pl.DataFrame, file: Path, frame: pl.DataFrame) -> None:
    missing = [name for name in first.columns if name not in frame.columns]
    more = [name for name in frame.columns if name not in first.columns]
    if missing or more:
        said = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"adds {', '.join(more)}"] * bool(more)
        raise DataInvalid(f"{file}: every file must have the columns of {first_file}; this one {' and '.join(said)}.")


def _same_types(first_file: Path, first: pl.DataFrame, file: Path, frame: pl.DataFrame) -> None:
    for name, kind in first.schema.items():
        other = frame.schema[name]
        # An empty column has no type of its own; whole numbers and fractions meet as fractions.
        fits = kind == other or pl.Null in (kind, other) or (kind.is_numeric() and other.is_numeric())
        if not fits:
            raise DataInvalid(f"{file}: the types of column {name!r} must agree: {kind} in {first_file}, {other} here.")


def _short(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(". ")[:200] if lines else type(error).__name__
