"""Rows of key and target, joined with what is known of the entities: learning and answering look into one table."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from assay.app.features.loading import load
from assay.clock import parse_iso
from assay.domain.features.entity import Entity
from assay.domain.features.table import AS_OF, Features
from assay.domain.model import Model
from assay.errors import ApplicationInvalid, DataInvalid, EntityKeyInvalid

if TYPE_CHECKING:
    import polars as pl

    from assay.app import Assay

BY = "assay train"
CHUNK = 10_000
log = structlog.get_logger("assay")


def load_own(assay: Assay, model: Model[Any]) -> None:
    """Loads the model's feature table from `data.py`, where that has a function of its name and nothing is known yet."""
    table = model.features
    if table is None or assay.features.known(table.name):
        return
    try:
        loaded = load(assay, table, None, BY)
    except ApplicationInvalid:  # it has none: the table is loaded otherwise
        return
    log.info("features_loaded", features=table.name, rows=loaded.rows, refused=sum(loaded.refused.values()))


def joined(assay: Assay, model: Model[Any], rows: Any) -> Any:
    """Rows, or parts of rows, with the features of their entities in the place of the keys.

    Rows that hold the features themselves, or no key, stay as they are. With a column `as_of` (ISO 8601 with a zone) each
    row has the features as they were known then. Rows about entities that nothing was known of are left out, and it is
    said how many. Raises DataInvalid where none is left.
    """
    if model.features is None:
        return rows
    if hasattr(rows, "columns"):
        return _joined(assay, model, model.features, rows)
    return [
        replace(part, rows=_joined(assay, model, model.features, part.rows)) if hasattr(part.rows, "columns") else part
        for part in rows
    ]


def _joined(assay: Assay, model: Model[Any], table: Features, rows: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    missing = [name for name in model.fields if name not in rows.columns]
    if table.key not in rows.columns or not missing:
        return rows
    keys = [_key(table, key) for key in rows[table.key].to_list()]
    times = [_moment(at) for at in rows[AS_OF].to_list()] if AS_OF in rows.columns else None
    found: list[Entity | None] = []
    for start in range(0, len(keys), CHUNK):
        some = keys[start : start + CHUNK]
        found += _look(assay, table, some, None if times is None else times[start : start + CHUNK])
    known = [place for place, entity in enumerate(found) if entity is not None]
    if not known and keys:
        when = "; `assay features load` loads it." if times is None else " at the times that `as_of` tells."
        raise DataInvalid(
            f"The feature table {table.name!r} knows none of the {len(keys):,} entities of the rows{when}"
        )
    if len(known) < len(keys):
        log.warning("entities_unknown", features=table.name, rows=len(keys), left_out=len(keys) - len(known))
    values = [entity.values for entity in found if entity is not None]
    columns = [
        pl.Series(name, [one.get(name) for one in values], dtype=_kind(model.fields[name].kind), strict=False)
        for name in model.fields
    ]
    others = [name for name in rows.columns if name not in (*model.fields, table.key, AS_OF)]
    kept = rows[known]
    return pl.DataFrame([*(kept[name] for name in others), *columns])


def _look(
    assay: Assay, table: Features, keys: list[str | None], times: list[int] | None
) -> list[Entity | None]:  # fmt: skip
    good = [key for key in keys if key is not None]
    if times is None:
        known = assay.features.look([(table.name, key) for key in good])
        return [None if key is None else known.get((table.name, key)) for key in keys]
    states = assay.features.states(table.name, list(dict.fromkeys(good)))
    return [None if key is None else _as_of(states.get(key, []), at) for key, at in zip(keys, times, strict=True)]


def _as_of(states: list[Entity], at: int) -> Entity | None:
    place = bisect_right(states, at, key=lambda one: one.at)
    found = states[place - 1] if place else None
    return found if found is not None and (found.ended_at is None or found.ended_at > at) else None


def _key(table: Features, told: Any) -> str | None:
    try:
        return table.key_of(told)
    except EntityKeyInvalid:
        return None


def _moment(told: Any) -> int:
    try:
        if hasattr(told, "isoformat"):
            told = told.isoformat()
        return parse_iso(str(told))
    except (ValueError, OverflowError):
        raise DataInvalid(f"A row's {AS_OF} is {str(told)[:40]!r}, and no time such as 2026-03-03T12:00:00Z.") from None


def _kind(kind: str) -> Any:
    import polars as pl

    return {"number": pl.Float64, "integer": pl.Int64, "boolean": pl.Boolean}.get(kind, pl.String)
