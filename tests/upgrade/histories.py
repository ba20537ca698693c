"""Small homes as older Assays left them, a few rows in every table, each as SQL that the Assay of that schema wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from assay.store import schema
from assay.store.copies import pages, postgresql
from assay.store.database import Database
from assay.store.databases import open_database
from assay.store.databases.library import sqlite
from tests.postgres import Cluster

FIXTURES = Path(__file__).parent / "fixtures"
# 0002 grew twice on its way, and stores of that time say 0002 all the same; PostgreSQL came after that
OF_SQLITE = ("0001", "0002_first", "0002_second", "0002", "0003")
OF_POSTGRESQL = ("0001", "0002", "0003")
Rows = dict[str, list[dict[str, Any]]]


def file_of(history: str, file: Path) -> Path:
    """SQLite's file of that time."""
    with closing(sqlite.connect(str(file))) as connection:
        connection.executescript((FIXTURES / f"{history}.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode=WAL")
    return file


def fill(history: str, place: Path | str, folder: Path) -> None:
    """The home of that time, in SQLite's file at the place or in the empty database there."""
    if isinstance(place, Path):
        file_of(history, place)
        return
    file = file_of(history, folder / "history.db")
    with (
        closing(open_database(place)) as made,
        pages.reading_file(file) as source,
        made.writing() as connection,
    ):
        schema.migrate(connection, history)
        postgresql.fill(connection, source, lambda *_: None)


@contextmanager
def store_of(history: str, cluster: Cluster | None, folder: Path) -> Iterator[Path | str]:
    """Where a store of that time is opened."""
    place = folder / "assay.db" if cluster is None else cluster.create()
    try:
        fill(history, place, folder)
        yield place
    finally:
        if cluster is not None:
            cluster.drop(str(place))


def rows_of(history: str, folder: Path) -> Rows:
    """The rows as they were written down, by table."""
    with closing(sqlite.connect(str(file_of(history, folder / "written.db")))) as connection:
        return {
            table: [
                dict(zip(columns, row, strict=True))
                for row in connection.execute(f'SELECT {", ".join(columns)} FROM "{table}" ORDER BY 1, 2')
            ]
            for table, columns in pages.tables(connection).items()
        }


def found(database: Database, wanted: Rows) -> Rows:
    """The same tables and columns as they are now."""
    with database.reading() as connection:
        return {
            table: [
                dict(row._mapping) for row in connection.execute(text(f"SELECT {', '.join(_names(rows))} FROM {table} ORDER BY 1, 2"))
            ]
            for table, rows in wanted.items()
        }  # fmt: skip


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return [f'"{name}"' for name in rows[0]]
