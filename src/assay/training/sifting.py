"""Types and cleans the rows of one part, and says of each row that is set aside why."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import polars as pl

from assay.domain.model import Model
from assay.domain.question.field import Field, audio_field
from assay.errors import ApplicationInvalid
from assay.training.lesson import fault_of_target
from assay.training.split import HELD_OUT, PART

ROW, REASON, BROKEN, LABELS = "__row", "__reason", "__broken", "__labels"
LONGEST_TARGET = 1 << 20
OWN = (HELD_OUT, PART, ROW, REASON, BROKEN)


@dataclass(frozen=True, kw_only=True)
class Removed:
    """One row that is not learnt from: its number among the part's rows (from 1), why, what it held, and the part."""

    row: int
    reason: str
    values: dict[str, Any]
    part: str = ""


@dataclass(frozen=True)
class Defect:
    """Why a part's rows are not to be learnt from: the defect's name, and a sentence with the figures."""

    name: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Sifted:
    """A part's rows: `typed` all of them, `kept` those to learn from, both as fields and target.

    `broken` of the `removed` rows break a rule of a field, and were not only refused by the cleaning rule. `dropped` are
    columns that the model does not ask about.
    """

    name: str
    typed: pl.DataFrame
    kept: pl.DataFrame
    removed: tuple[Removed, ...]
    broken: int
    dropped: tuple[str, ...]


def wanted(model: Model[Any]) -> dict[str, Field]:
    """The columns that are learnt from: the fields in their order, then the target, which is a text where it is labels."""
    target = Field(kind="text", max_length=LONGEST_TARGET) if model.labels else Field(kind="number")
    return model.fields | {model.target: target}


def kind_of(field: Field) -> type[pl.DataType]:
    """The type of a field's column."""
    return {"number": pl.Float64, "integer": pl.Int64, "boolean": pl.Boolean}.get(field.kind, pl.String)


def sift(model: Model[Any], name: str, rows: pl.DataFrame) -> Sifted | Defect:
    """The part, typed and cleaned, or why it has no usable columns; raises ApplicationInvalid by the cleaning rule."""
    columns = wanted(model)
    missing = [one for one in columns if one not in rows.columns]
    if missing:
        there = ", ".join(rows.columns[:20]) + ("…" if rows.width > 20 else "")
        return Defect("missing_column", f"{name}: the column {missing[0]!r} is missing; there are {there}.")
    unfit = [one for one, field in columns.items() if typed_column(rows[one], field) is None]
    if unfit:
        rule, held = columns[unfit[0]].rule(), rows[unfit[0]].dtype
        return Defect("wrong_type", f"{name}: the column {unfit[0]!r} must hold {rule}, and holds {held}.")
    typed = rows.with_columns(typed_column(rows[one], field) for one, field in columns.items())
    checks = [_broken(one, field) for one, field in columns.items()]
    broken = pl.any_horizontal(check.is_not_null() for check in checks)
    reason = pl.concat_str(REASON, *checks, LABELS, separator="; ", ignore_nulls=True)
    told = _labelled(model, typed[model.target])
    marked = typed.with_columns(
        _cleaned(model, typed).alias(REASON), (broken | pl.Series(told).is_not_null()).alias(BROKEN), told.alias(LABELS)
    ).with_columns(reason.alias(REASON))
    marked = marked.select(*columns, REASON, BROKEN)
    kept = marked.filter(pl.col(REASON) == "").drop(REASON, BROKEN).rechunk()
    return Sifted(
        name=name, typed=marked.drop(REASON, BROKEN), kept=kept, removed=_removed(rows, marked[REASON], name),
        broken=int(marked[BROKEN].sum()), dropped=tuple(one for one in rows.columns if one not in columns),
    )  # fmt: skip


def typed_column(column: pl.Series, field: Field) -> pl.Series | None:
    """The column in the field's type; a single value that does not fit becomes null, a whole column that does not, None.

    Spaces around numbers and words do not count; a free text keeps them.
    """
    kind = kind_of(field)
    if column.dtype.is_nested() or column.dtype.is_temporal() or (column.dtype.is_float() and kind == pl.String):
        return None
    if column.dtype in (pl.Binary, pl.Object):
        return None
    if column.dtype == pl.String and field.kind != "text":
        column = column.str.strip_chars()
    if kind == pl.Int64 and column.dtype.is_float():
        column = column.set(column.is_finite().not_() | (column != column.round()), None)
    try:
        typed = column.cast(kind, strict=False)
    except pl.exceptions.PolarsError:
        return None
    if typed.null_count() == len(typed) > column.null_count():
        return None
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


def _labelled(model: Model[Any], targets: pl.Series) -> pl.Series:
    """Says "target: rule" for each row whose labels cannot be learnt, null for the others."""
    if not model.labels:
        return pl.repeat(None, len(targets), dtype=pl.String, eager=True)
    labels, with_times = frozenset(model.labels), audio_field(model.fields) is not None
    said = [fault_of_target(one, labels, with_times=with_times) for one in targets]
    return pl.Series([None if one is None else f"{model.target}: {one}" for one in said], dtype=pl.String)


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


def _removed(rows: pl.DataFrame, reasons: pl.Series, part: str) -> tuple[Removed, ...]:
    numbered = rows.with_row_index(ROW, offset=1).with_columns(reasons).filter(pl.col(REASON) != "")
    return tuple(
        Removed(row=values.pop(ROW), reason=values.pop(REASON), values=values, part=part)
        for values in numbered.to_dicts()
    )
