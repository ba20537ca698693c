"""The two databases that the store can be kept in, behind one face."""

from __future__ import annotations

from pathlib import Path

from assay.store.database import Database

__all__ = ["Database", "open_database"]


def open_database(where: Path | str, *, durable: bool = True) -> Database:
    """The database in an SQLite file, or at the URL of a PostgreSQL; raises StoreUnavailable.

    Not `durable` answers before what was committed would survive the loss of power, to show what that is for.
    """
    if isinstance(where, Path):
        from assay.store.databases.sqlite import Sqlite  # noqa: PLC0415 - each needs a driver that the other does without

        return Sqlite(where, synchronous="FULL" if durable else "OFF")
    from assay.store.databases.postgresql import Postgresql  # noqa: PLC0415 - as above

    return Postgresql(where, durable=durable)
