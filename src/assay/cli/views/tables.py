"""A table of questions from a file, checked by column, answered in bulk, and written with its answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.text import Text

from assay.cli import show
from assay.clock import new_id, ticks_us
from assay.domain.question.field import SAFE_INTEGER, Field
from assay.errors import DataInvalid
from assay.serving.bulk import score
from assay.serving.loaded import LoadedVersion
from assay.sources.files import read_rows

ANSWER, VERSION, REFUSED = "prediction", "version", "refused"
FIRST_REFUSED = 10


def score_file(version: LoadedVersion, source: Path, target: Path, *, as_json: bool) -> bool:
    """Writes every row with its answer and version, or the reason why it has none; whether all could be answered.

    Raises DataInvalid, OSError or what the model raises.
    """
    if target.exists() and target.samefile(source):
        raise DataInvalid(f"{target}: the answers would replace the questions; name another file with --out.")
    begun = ticks_us()
    rows = read_rows(source)
    taken = [name for name in (ANSWER, VERSION, REFUSED) if name in rows.columns]
    if taken:
        raise DataInvalid(f"{source}: the column {taken[0]!r} would be replaced by the answers; rename it.")
    answered = answer_rows(version, rows)
    write(answered, target)
    _report(answered, version, target, seconds=(ticks_us() - begun) / 1e6, as_json=as_json)
    return answered[REFUSED].null_count() == answered.height


def answer_rows(version: LoadedVersion, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with three columns more: the answer (null where refused), the version, and why a row was refused.

    Raises DataInvalid where a column is missing.
    """
    fields = version.contract.fields
    missing = [name for name, field in fields.items() if name not in rows.columns and not field.nullable]
    if missing:
        raise DataInvalid(f"The column {missing[0]!r} is missing; there are {', '.join(rows.columns)}.")
    asked = rows.select(rows[name] if name in rows.columns else pl.lit(None).alias(name) for name in fields)
    typed = asked.select(typed_column(asked[name], field) for name, field in fields.items())
    checks = [broken(name, field, asked[name]) for name, field in fields.items()]
    refused = typed.select(pl.concat_str(checks, separator="; ", ignore_nulls=True).alias(REFUSED)).to_series()
    good = (refused == "").fill_null(value=True)
    # like rows side by side take the same paths through a tree: twice as fast, and no answer depends on its neighbours
    order = typed.select(pl.arg_sort_by(*fields)).to_series()
    order = order.filter(good.gather(order))
    sound = typed[order]
    answers = np.full(rows.height, np.nan)
    if sound.height:
        answers[order.to_numpy()] = score(
            version, {name: arrayed(sound[name], field) for name, field in fields.items()}
        )
    return rows.with_columns(
        pl.Series(ANSWER, answers).fill_nan(None),
        pl.lit(version.number).alias(VERSION),
        refused.replace("", None),
    )


def typed_column(column: pl.Series, field: Field) -> pl.Series:
    """The column in its field's type, null where a value does not fit; words as places among the field's own."""
    if column.dtype.is_nested() or column.dtype.is_temporal():
        return pl.Series(column.name, [None] * len(column), dtype=pl.String)
    if field.values:
        return column.cast(pl.String, strict=False).cast(pl.Enum(field.values), strict=False)
    if field.kind == "integer" and column.dtype.is_float():
        column = column.set(column.is_finite().not_() | (column != column.round()), None)
    if field.kind == "boolean" and column.dtype == pl.String:
        return column.replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
    kind = {"number": pl.Float64, "integer": pl.Int64, "boolean": pl.Boolean}.get(field.kind, pl.String)
    typed = column.cast(kind, strict=False)
    return typed.fill_nan(None) if kind == pl.Float64 else typed


def broken(name: str, field: Field, asked: pl.Series) -> pl.Expr:
    """Says "name: must be rule" for a value that the field does not allow, null for the others."""
    value = pl.col(name)
    lacking = value.is_null() & pl.lit(asked.is_not_null()) if field.nullable else value.is_null()
    rules = [lacking]
    rules += [value.is_infinite()] if field.kind == "number" else []
    rules += [value.abs() > SAFE_INTEGER] if field.kind == "integer" else []
    rules += [value <= field.above] if field.above is not None else []
    rules += [value < field.at_least] if field.at_least is not None else []
    rules += [value >= field.below] if field.below is not None else []
    rules += [value > field.at_most] if field.at_most is not None else []
    rules += [value.str.len_chars() > field.max_length] if field.max_length is not None else []
    return pl.when(pl.any_horizontal(rules).fill_null(value=False)).then(pl.lit(f"{name}: must be {field.rule()}"))


def arrayed(column: pl.Series, field: Field) -> NDArray[Any]:
    """A column without faults as the models take it."""
    if field.values:
        words = np.array([*field.values, None], dtype=object)
        return np.asarray(words[column.to_physical().cast(pl.Int64).fill_null(len(field.values)).to_numpy()])
    if field.kind == "text":
        return np.array(column.to_list(), dtype=object)
    if field.kind == "number" or column.null_count():
        return column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return column.to_numpy()


def write(rows: pl.DataFrame, target: Path) -> None:
    """Writes the file whole or not at all, in the format that its name says."""
    draft = target.with_name(f".{target.name}.{new_id()}.tmp")
    writers: dict[str, Callable[[Path], Any]] = {".csv": rows.write_csv, ".parquet": rows.write_parquet}
    writer = writers.get(target.suffix.lower(), rows.write_ndjson)
    try:
        writer(draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _report(answered: pl.DataFrame, version: LoadedVersion, target: Path, *, seconds: float, as_json: bool) -> None:
    refused = answered.with_row_index("row", offset=1).filter(pl.col(REFUSED).is_not_null())
    if as_json:
        show.tell_json({
            "model": version.model, "version": version.number, "rows": answered.height,
            "answered": answered.height - refused.height, "refused": refused.height,
            "reasons": dict(Counter(refused[REFUSED].to_list()).most_common()), "out": str(target),
            "took_ms": round(seconds * 1000),
        })  # fmt: skip
        return
    rate = f"{answered.height / max(seconds, 1e-6):,.0f} rows a second"
    by = f"{version.model} version {version.number}"
    said = f"{answered.height - refused.height:,} of {answered.height:,} rows answered by {by}"
    show.console().print(Text(show.clean(f"{said} in {seconds:.1f} s ({rate}): {target}")), soft_wrap=True)
    if refused.height:
        made = show.table("row", "not answered because", right=["row"])
        for one in refused.head(FIRST_REFUSED).iter_rows(named=True):
            made.add_row(*show.row(f"{one['row']:,}", one[REFUSED]))
        show.notes().print(made)
