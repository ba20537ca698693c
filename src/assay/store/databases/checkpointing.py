"""Keeps SQLite's write-ahead log from growing where much is written and nobody records, who alone does that otherwise."""

from __future__ import annotations

from contextlib import nullcontext

from assay.store.database import Database
from assay.store.databases.library import WAL_RESET_FIXED, library


def checkpoint(database: Database) -> None:
    """Moves what is in the log to its place, as far as no reader needs it; raises StoreUnavailable.

    The next to record would wait for all of it. PostgreSQL looks after its log itself.
    """
    if database.kind != "sqlite":
        return
    alone = nullcontext() if library() >= WAL_RESET_FIXED else database.turn()
    with alone, database.reading() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
