"""Tables on their way out of PostgreSQL and into it: row by row through COPY, so that no table is ever held in memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection, inspect

from assay.errors import BackupRejected, NotEmpty, StoreUnavailable
from assay.store import schema
from assay.store.copies import pages
from assay.store.copies.notice import Heard
from assay.store.database import Database
from assay.store.databases.sqlite import Sqlite
from assay.store.schema.shape import todays

REFUSED = ("22", "23")  # SQLSTATE's classes of data exceptions and of integrity
TELL_EVERY = 10_000  # rows


def copy_tables(database: Database, target: Path, heard: Heard) -> None:
    """Writes an SQLite file of the same schema and rows, all as of one moment; nobody waits for it.

    Raises SchemaTooNew or StoreUnavailable.
    """
    with database.reading() as connection:
        known = schema.current(connection)
        schema.refuse_newer(known)
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        _make(target, known or schema.HEAD)
        cursor = _driver(connection).cursor()
        with _translating(), cursor, pages.filling(target) as out, pages.syncing(target) as sync:

            def tell(part: str, done: int, of: int) -> None:
                sync()
                heard(part, done, of)

            for table, columns in pages.tables(out).items():
                into = f'INSERT INTO "{table}" VALUES ({",".join("?" * len(columns))})'  # noqa: S608 - names of ours
                out.executemany(into, _told(_rows(cursor, table, columns), tell, table, _count(cursor, table)))


def fill(connection: Connection, source: Any, heard: Heard) -> None:
    """Copies the tables of a file into those of the same schema, within the caller's transaction.

    Raises BackupRejected where PostgreSQL cannot keep a row, or StoreUnavailable.
    """
    counted = pages.counts(source)
    with _driver(connection).cursor() as cursor:
        for table, columns in pages.tables(source).items():
            names = ", ".join(f'"{name}"' for name in columns)
            rows = source.execute(f'SELECT {names} FROM "{table}"')  # noqa: S608 - names of ours
            with _translating(table), cursor.copy(_copying(table, columns)) as copy:
                for row in _told(rows, heard, table, counted[table]):
                    copy.write_row(row)
        with _translating():
            _set_sequences(cursor)


def confirm_empty(connection: Connection) -> list[str]:
    """The tables that there are; raises NotEmpty where one of them has rows."""
    there = [name for name in inspect(connection).get_table_names() if name != schema.VERSION_TABLE]
    with _driver(connection).cursor() as cursor:
        for table in there:
            if cursor.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(table))).fetchone():
                raise NotEmpty(
                    f"The database is not empty: its table {table} has rows; name another, made by createdb."
                )
    return there


def clear(connection: Connection) -> None:
    """Removes our own tables, which an earlier start may have made; raises NotEmpty where one has rows."""
    there = confirm_empty(connection)
    for table in (*(name for name in todays() if name in there), schema.VERSION_TABLE):
        connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{table}"')


def _make(target: Path, revision: str) -> None:
    made = Sqlite(target, synchronous="OFF")
    with made.writing() as connection:
        schema.migrate(connection, revision)
    made.close()
    target.with_name(f"{target.name}.lock").unlink()


def _rows(cursor: psycopg.Cursor[Any], table: str, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    query = sql.SQL("SELECT {} FROM {}").format(names, sql.Identifier(table))
    cursor.execute(query + sql.SQL(" LIMIT 0"))
    types = [column.type_code for column in cursor.description or ()]
    with cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(query)) as copy:
        copy.set_types(types)
        yield from copy.rows()


def _told(rows: Iterable[Any], heard: Heard, table: str, total: int) -> Iterator[Any]:
    for number, row in enumerate(rows):
        if number % TELL_EVERY == 0:
            heard(table, number, total)
        yield row
    heard(table, total, total)


def _count(cursor: psycopg.Cursor[Any], table: str) -> int:
    found = cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    return int(found[0]) if found else 0


def _copying(table: str, columns: list[str]) -> sql.Composed:
    # text, by which each value finds the type of its column itself
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)


def _set_sequences(cursor: psycopg.Cursor[Any]) -> None:
    cursor.execute(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND column_default LIKE 'nextval(%'"
    )
    for table, column in cursor.fetchall():
        at = (sql.Literal(table), sql.Literal(column), sql.Identifier(column), sql.Identifier(table))
        cursor.execute(sql.SQL("SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {}").format(*at))


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    found: Any = connection.connection.driver_connection
    return cast(psycopg.Connection[Any], found)


@contextmanager
def _translating(table: str = "") -> Iterator[None]:
    """Raises BackupRejected for a row of the table that cannot be kept, StoreUnavailable for all else."""
    try:
        yield
    except psycopg.Error as failed:
        refused = isinstance(failed, psycopg.DataError) or (failed.sqlstate or "").startswith(REFUSED)
        if table and refused:
            raise BackupRejected(f"PostgreSQL cannot keep a row of the table {table}: {_said(failed)}.") from failed
        raise StoreUnavailable(f"The copy failed: {_said(failed)}.") from failed


def _said(failed: psycopg.Error) -> str:
    """Never a value, nor where the database is; but which column, where that is known."""
    if failed.diag.message_primary is None:
        return "a text holds the character NUL" if isinstance(failed, psycopg.DataError) else "the database was lost"
    column = re.search(r"\bcolumn (\w+)", failed.diag.context or "")
    return f"{failed.diag.message_primary}{f' (column {column[1]})' if column else ''}"
