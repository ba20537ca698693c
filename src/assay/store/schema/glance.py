"""A look at an SQLite file that every start can afford: its header and schema, the small tables, the newest rows of others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from assay.errors import StoreDamaged, StoreUnavailable

# A table is looked through up to so many rows. A quick check of all pages takes 0.8 s a gigabyte from memory, and many
# times that from a disk; this takes two milliseconds, however long the record has grown.
SMALL = 2_000
DAMAGE = ("malformed", "not a database")  # how SQLite speaks of pages that it cannot understand


def glance_at(connection: Connection) -> None:
    """Raises StoreDamaged where something of that is damaged; PostgreSQL looks after its pages itself."""
    if connection.dialect.name != "sqlite":
        return
    ask = connection.exec_driver_sql
    for table in (
        ask("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").scalars().all()
    ):
        if (ask(f'SELECT max(rowid) FROM "{table}"').scalar() or 0) > SMALL:  # noqa: S608 - a name that the schema told
            ask(f'SELECT * FROM "{table}" ORDER BY rowid DESC LIMIT 1').all()  # noqa: S608 - a name that the schema told
            continue
        found = ask(f'PRAGMA quick_check("{table}")').scalars().all()
        if found != ["ok"]:
            raise StoreDamaged(" ".join(str(found[0]).split()))


@contextmanager
def telling_damage() -> Iterator[None]:
    """Raises StoreDamaged where the store failed because it cannot understand its own pages."""
    try:
        yield
    except StoreDamaged:
        raise
    except StoreUnavailable as failed:
        found = next((known for known in DAMAGE if known in str(failed)), None)
        if found is None:
            raise
        raise StoreDamaged(
            f"its file is {found}" if found.startswith("not") else f"a page of its file is {found}"
        ) from failed
