"""What nobody's record would move out of SQLite's log is moved; PostgreSQL is left alone."""

from __future__ import annotations

from sqlalchemy import text

from assay.store.database import Database
from assay.store.databases.checkpointing import checkpoint
from assay.store.databases.sqlite import Sqlite

LONG = "x" * 200_000


def write(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS notes (told TEXT)"))
        connection.execute(text("INSERT INTO notes VALUES (:told)"), {"told": LONG})


def test_the_log_begins_anew_once_it_was_moved(sqlite: Sqlite) -> None:
    log = sqlite.path.with_name(sqlite.path.name + "-wal")
    for _ in range(5):
        write(sqlite)
    grown = log.stat().st_size
    assert grown > 5 * len(LONG)
    for _ in range(20):
        checkpoint(sqlite)
        write(sqlite)
    assert log.stat().st_size < grown + 5 * len(LONG)


def test_either_database_takes_it(database: Database) -> None:
    write(database)
    checkpoint(database)
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM notes")).scalar_one() == 1
