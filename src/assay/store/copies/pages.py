"""SQLite's file as a whole: copied page by page out of one consistent view, made ready for its next start, and looked through."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from assay.clock import now_us
from assay.errors import StoreDamaged
from assay.store.copies.notice import Heard
from assay.store.database import translating
from assay.store.databases.library import sqlite
from assay.store.databases.sqlite import Sqlite
from assay.store.schema import VERSION_TABLE
from assay.store.schema.glance import telling_damage

STEP = 2048  # pages; between steps the progress is told
FAULTS = 5
# What concerns processes that a restored store will not have. A job that ran is begun again, and loses no attempt.
SETTLED = (
    "UPDATE jobs SET state = 'canceled', finished_at = :now WHERE state = 'running' AND cancel_requested",
    "UPDATE jobs SET state = 'queued', attempts = max(attempts - 1, 0), token = NULL, worker = NULL WHERE state = 'running'",
    "UPDATE jobs SET lease_until = NULL, lease_boot = NULL WHERE state = 'queued'",
    "UPDATE preparations SET state = 'aborted', reason = 'it was under way when a backup was made' WHERE state = 'preparing'",
    "DELETE FROM processes",
)


def copy_pages(database: Sqlite, target: Path, heard: Heard) -> None:
    """Copies what is committed now; nobody waits for it. Raises StoreDamaged or StoreUnavailable.

    While it lasts, pages that are written go to the write-ahead log and stay there.
    """
    database.confirm()
    with failing(), closing(database.connect()) as source, closing(_unsynced(target)) as copy, syncing(target) as sync:
        source.execute("BEGIN")
        source.execute("SELECT 1 FROM sqlite_schema").fetchone()  # the view begins with the first read

        def tell(_: int, left: int, total: int) -> None:
            sync()
            heard("database", total - left, total)

        source.backup(copy, pages=STEP, progress=tell)


def settle(file: Path) -> None:
    """Makes a copy ready to be opened as a store: who held what is forgotten, and opening it changes no byte."""
    with failing(), closing(_unsynced(file)) as copy:
        copy.execute("PRAGMA journal_mode=WAL")
        present = tables(copy)
        copy.execute("BEGIN")
        for change in SETTLED if "jobs" in present else ():
            copy.execute(change, {"now": now_us()} if ":now" in change else {})
        copy.execute("COMMIT")
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def faults(connection: Any) -> list[str]:
    """What SQLite finds wrong when it reads every page and compares every index; nothing where all is well."""
    try:
        found = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({FAULTS})")]
    except sqlite.DatabaseError as failed:
        return [str(failed)]
    return [" ".join(line.split()) for line in found if line != "ok"]


def confirm_sound(connection: Any) -> None:
    """Raises StoreDamaged."""
    found = faults(connection)
    if found:
        raise StoreDamaged(found[0])


def tables(connection: Any) -> dict[str, list[str]]:
    """The store's tables in this file, each with its columns."""
    named = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    found = sorted(str(name) for (name,) in named.fetchall() if name != VERSION_TABLE)
    return {name: [str(row[1]) for row in connection.execute(f'PRAGMA table_info("{name}")')] for name in found}


def counts(connection: Any) -> dict[str, int]:
    """How many rows each table has."""
    counting = 'SELECT count(*) FROM "{}"'
    return {name: int(connection.execute(counting.format(name)).fetchone()[0]) for name in tables(connection)}


def revision(connection: Any) -> str | None:
    """The schema's revision."""
    if connection.execute("SELECT name FROM sqlite_schema WHERE name = ?", (VERSION_TABLE,)).fetchone() is None:
        return None
    told = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()  # noqa: S608 - a constant of ours
    return str(told[0])


@contextmanager
def reading_file(file: Path) -> Iterator[Any]:
    """The tables of a file that nobody writes, wherever it lies; nothing is left beside it. Raises StoreUnavailable."""
    with failing(), closing(sqlite.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        yield connection


@contextmanager
def failing() -> Iterator[None]:
    """Raises StoreDamaged or StoreUnavailable for what SQLite raises."""
    with telling_damage(), translating(lambda failed: f"The copy failed: {failed}.", sqlite.Error):
        yield


@contextmanager
def syncing(file: Path) -> Iterator[Callable[[], None]]:
    """Writes to the disk what was copied so far: a gigabyte at once would keep the store's own commits waiting."""
    held = os.open(file, os.O_RDONLY)
    try:
        yield lambda: os.fsync(held)
    finally:
        os.close(held)


@contextmanager
def filling(file: Path) -> Iterator[Any]:
    """A file that is lost anyway if this is cut off: one transaction, without a journal."""
    with failing(), closing(_unsynced(file)) as connection:
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")


def _unsynced(file: Path) -> Any:
    file.touch(mode=0o600)  # SQLite's own default lets others read
    connection = sqlite.connect(str(file), isolation_level=None)
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    return connection
