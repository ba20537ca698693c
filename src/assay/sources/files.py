"""Training rows from files: one CSV, Parquet or JSON-Lines file, a folder of them, or a glob."""

from __future__ import annotations

import glob
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from assay.errors import DataInvalid

# The whole file decides a column's type: a prefix would make the type depend on the order of the rows.
_read_csv = partial(pl.read_csv, infer_schema_length=None)
_read_lines = partial(pl.read_ndjson, infer_schema_length=None)
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeError)


def read_rows(path: str | Path) -> pl.DataFrame:
    """All rows of a file, of every such file of a folder, or of every file that a glob names, sorted by name.

    The columns come in the order of the first file; all files must have the same ones, of types that fit together.
    Raises DataInvalid, which names the file and the rule.
    """
    files = _files(Path(path))
    frames = [_read(file) for file in files]
    first = frames[0]
    for file, frame in zip(files, frames, strict=True):
        _same_columns(files[0], first, file, frame)
        _same_types(files[0], first, file, frame)
    return pl.concat([frame.select(first.columns) for frame in frames], how="vertical_relaxed", rechunk=True)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        inside = sorted(file for file in path.iterdir() if file.is_file() and _reader(file) is not None)
        if not inside:
            raise DataInvalid(f"{path}: the folder holds no {_endings()} file.")
        return inside
    if path.exists():
        if _reader(path) is None:
            raise DataInvalid(f"{path}: rows are read from {_endings()} files, not from {path.suffix or 'this'}.")
        return [path]
    found = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob refuses an absolute pattern
    named = sorted(Path(name) for name in found if Path(name).is_file())
    if not named:
        raise DataInvalid(f"{path}: there is no such file, folder or match.")
    strange = next((file for file in named if _reader(file) is None), None)
    if strange is not None:
        raise DataInvalid(f"{strange}: rows are read from {_endings()} files, not from {strange.suffix or 'this'}.")
    return named


def _readers() -> dict[str, Callable[[Path], pl.DataFrame]]:
    return {".csv": _read_csv, ".parquet": pl.read_parquet, ".jsonl": _read_lines, ".ndjson": _read_lines}


def _reader(file: Path) -> Callable[[Path], pl.DataFrame] | None:
    return _readers().get(file.suffix.lower())


def _endings() -> str:
    *most, last = _readers()
    return f"{', '.join(most)} or {last}"


def _read(file: Path) -> pl.DataFrame:
    reader = _readers()[file.suffix.lower()]
    try:
        if file.stat().st_size == 0:
            raise DataInvalid(f"{file}: the file is empty.")
        frame = reader(file)
    except _UNREADABLE as error:
        raise DataInvalid(f"{file}: the file cannot be read as {file.suffix.lower()} ({_short(error)}).") from error
    if frame.height == 0:
        raise DataInvalid(f"{file}: the file holds no rows.")
    return frame


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
