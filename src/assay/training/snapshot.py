"""Takes an immutable snapshot of training rows: typed, cleaned, named by its content, with what was removed."""

from __future__ import annotations

import hashlib
import inspect
import io
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from assay.clock import now_us
from assay.domain.dataset import Dataset
from assay.domain.model import Model
from assay.domain.question.field import Field
from assay.errors import ApplicationInvalid, DataInvalid

# Fixed, so that the same rows make the same file whatever the library's default becomes.
ROW_GROUP = 131_072
FEWEST = 2
ROW, REASON = "__row", "__reason"


@dataclass(frozen=True, kw_only=True)
class Removed:
    """One row that is not learnt from: its number among the rows read (from 1), why, and what it held."""

    row: int
    reason: str
    values: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """`rows`: each field in its order, then the target, as kept in `parquet`. `removed_lines` is JSON Lines.

    `dropped` are the columns that the model does not ask about.
    """

    dataset: Dataset
    rows: pl.DataFrame
    parquet: bytes
    removed: tuple[Removed, ...]
    removed_lines: bytes
    dropped: tuple[str, ...]


def take(model: Model[Any], rows: pl.DataFrame, source: str) -> Snapshot:
    """The rows that `model` learns from: numbers as Float64, whole numbers as Int64, words and texts as String.

    A row is removed, with the reason, where a field breaks its own rule, where the target is not a finite number, or
    where the cleaning rule does not keep it (a rule that answers null does not). Raises DataInvalid, which names column
    and rule, where a column is missing or of no usable type, or too few rows are left; ApplicationInvalid where the
    cleaning rule fails.
    """
    wanted = model.fields | {model.target: Field(kind="number")}
    missing = [name for name in wanted if name not in rows.columns]
    if missing:
        raise DataInvalid(f"{source}: the column {missing[0]!r} is missing; there are {', '.join(rows.columns)}.")
    typed = rows.with_columns(_typed(rows[name], field, source) for name, field in wanted.items())
    checks = [_broken(name, field) for name, field in wanted.items()]
    said = pl.concat_str(REASON, *checks, separator="; ", ignore_nulls=True)
    marked = typed.with_columns(_cleaned(model, typed).alias(REASON)).with_columns(said.alias(REASON))
    marked = marked.select(*wanted, REASON)
    kept = marked.filter(pl.col(REASON) == "").drop(REASON).rechunk()
    if kept.height < FEWEST:
        left = f"{kept.height} of {rows.height} rows can be learnt from"
        raise DataInvalid(f"{source}: {left}; at least {FEWEST} are needed.")
    removed = _removed(rows, marked[REASON])
    parquet = _parquet(kept)
    lines = b"".join(msgspec.json.encode(_plain(one), enc_hook=str) + b"\n" for one in removed)
    dataset = Dataset(
        id=hashlib.sha256(parquet).hexdigest(),
        model=model.name,
        created_at=now_us(),
        source=source,
        rows=kept.height,
        removed=len(removed),
        columns={name: str(kind) for name, kind in kept.schema.items()},
        removed_file=hashlib.sha256(lines).hexdigest() if removed else None,
    )
    dropped = tuple(name for name in rows.columns if name not in wanted)
    return Snapshot(dataset=dataset, rows=kept, parquet=parquet, removed=removed, removed_lines=lines, dropped=dropped)


def read_parquet(data: bytes) -> pl.DataFrame:
    """The rows of a snapshot's file; raises DataInvalid."""
    try:
        return pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DataInvalid("The dataset's file cannot be read.") from error


def _typed(column: pl.Series, field: Field, source: str) -> pl.Series:
    """The column in the field's type; a single value that does not fit becomes null, a whole column is refused."""
    kind = {"number": pl.Float64, "integer": pl.Int64, "boolean": pl.Boolean}.get(field.kind, pl.String)
    refused = DataInvalid(f"{source}: the column {column.name!r} must hold {field.rule()}, and holds {column.dtype}.")
    if column.dtype.is_nested() or column.dtype.is_temporal() or (column.dtype.is_float() and kind == pl.String):
        raise refused
    if kind == pl.Int64 and column.dtype.is_float():
        column = column.set(column.is_finite().not_() | (column != column.round()), None)
    try:
        typed = column.cast(kind, strict=False)
    except pl.exceptions.PolarsError as error:
        raise refused from error
    if typed.null_count() == len(typed) > column.null_count():
        raise refused
    return typed.fill_nan(None) if kind == pl.Float64 else typed


def _broken(name: str, field: Field) -> pl.Expr:
    """Says "name: rule" for a row whose value the field's own rule does not allow, null for the others."""
    value = pl.col(name)
    rules = [value.is_infinite()] if field.kind == "number" else []
    rules += [value <= field.above] if field.above is not None else []
    rules += [value < field.at_least] if field.at_least is not None else []
    rules += [value >= field.below] if field.below is not None else []
    rules += [value > field.at_most] if field.at_most is not None else []
    rules += [value.is_in(list(field.values)).not_()] if field.values else []
    rules += [value.str.len_chars() > field.max_length] if field.max_length is not None else []
    broken = pl.any_horizontal(rules).fill_null(value=False) if rules else pl.lit(value=False)
    missing = pl.lit(value=False) if field.nullable else value.is_null()
    said = pl.lit(f"{name}: must be {field.rule()}")
    return pl.when(missing).then(pl.lit(f"{name}: is missing or not {field.rule()}")).when(broken).then(said)


def _cleaned(model: Model[Any], typed: pl.DataFrame) -> pl.Series:
    """Says the cleaning rule's name and purpose for each row that it does not keep, null for the others."""
    if model.cleaning is None:
        return pl.repeat(None, typed.height, dtype=pl.String, eager=True)
    name = model.cleaning.__name__
    try:
        found = model.cleaning(typed)
        keep = typed.select(found.alias(ROW)).to_series() if isinstance(found, pl.Expr) else pl.Series(found)
    except Exception as error:
        raise ApplicationInvalid(f"The cleaning rule {name!r} failed: {type(error).__name__}: {error}") from error
    if keep.dtype != pl.Boolean or len(keep) != typed.height:
        raise ApplicationInvalid(f"The cleaning rule {name!r} must say true or false of each row, not {keep.dtype}.")
    purpose = (inspect.getdoc(model.cleaning) or "").splitlines()
    said = f"{name}: {purpose[0].rstrip('.')}" if purpose else name
    return keep.to_frame(ROW).select(pl.when(pl.col(ROW).fill_null(value=False).not_()).then(pl.lit(said))).to_series()


def _removed(rows: pl.DataFrame, reasons: pl.Series) -> tuple[Removed, ...]:
    numbered = rows.with_row_index(ROW, offset=1).with_columns(reasons).filter(pl.col(REASON) != "")
    return tuple(
        Removed(row=values.pop(ROW), reason=values.pop(REASON), values=values) for values in numbered.to_dicts()
    )


def _plain(removed: Removed) -> dict[str, Any]:
    return {"row": removed.row, "reason": removed.reason, "values": removed.values}


def _parquet(rows: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    rows.write_parquet(file, compression="zstd", compression_level=3, row_group_size=ROW_GROUP, statistics=False)
    return file.getvalue()
