"""What tables there are, with which columns and indexes, and how that differs from what today's code asks for."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, create_engine, inspect

from assay.store import schema
from assay.store.databases.library import sqlite


class Shape(NamedTuple):
    """One table: its columns, and the columns of each index, those that keep rows unique marked so."""

    columns: frozenset[str]
    indexes: frozenset[tuple[bool, tuple[str, ...]]]


def shape_of(connection: Connection) -> dict[str, Shape]:
    """Every table of the store."""
    found = inspect(connection)
    return {
        table: Shape(
            frozenset(column["name"] for column in found.get_columns(table)),
            frozenset((bool(one["unique"]), _names(one["column_names"])) for one in found.get_indexes(table))
            | frozenset((True, _names(one["column_names"])) for one in found.get_unique_constraints(table)),
        )
        for table in found.get_table_names()
    }


def todays() -> dict[str, Shape]:
    """What the migrations make."""
    engine = create_engine("sqlite://", module=sqlite)
    with engine.begin() as connection:
        schema.migrate(connection)
        made = shape_of(connection)
    engine.dispose()
    return made


def differences(found: dict[str, Shape], wanted: dict[str, Shape]) -> list[str]:
    """What is missing, in sentences; what is there besides is nobody's harm."""
    said = [f"the table {table} is missing" for table in sorted(wanted.keys() - found.keys())]
    for table in sorted(wanted.keys() & found.keys()):
        columns = sorted(wanted[table].columns - found[table].columns)
        indexes = sorted(wanted[table].indexes - found[table].indexes)
        said += [f"the column {table}.{name} is missing" for name in columns]
        said += [f"the index on {table} ({', '.join(names)}) is missing" for _, names in indexes]
    return said


def _names(columns: list[str | None] | list[str]) -> tuple[str, ...]:
    return tuple(str(name) for name in columns)
