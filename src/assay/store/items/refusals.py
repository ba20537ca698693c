"""The table `refusals`: watched files that are no items, with the reason, until they change."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import BigInteger, Column, Connection, String, Table, delete, func, insert, select

from assay.domain.items.refusal import Refusal
from assay.store.database import Database, metadata

refusals = Table(
    "refusals", metadata,
    Column("collection", String(64), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("place", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("code", String(64), nullable=False),
    Column("error", String, nullable=False),
)  # fmt: skip
AT_ONCE = 500


class Refusals:
    """The collection; a file has one entry at most."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, collection: str, *, limit: int = 100, after: str = "") -> list[Refusal]:
        """At most so many, sorted by name, of those whose names come after `after`."""
        query = select(refusals).where(refusals.c.collection == collection, refusals.c.name > after)
        with self._database.reading() as connection:
            found = connection.execute(query.order_by(refusals.c.name).limit(limit))
            return [Refusal(**row._mapping) for row in found]

    def counts(self) -> dict[str, int]:
        """How many each collection has that has any."""
        query = select(refusals.c.collection, func.count()).group_by(refusals.c.collection)
        with self._database.reading() as connection:
            return {str(name): int(count) for name, count in connection.execute(query)}

    def places(self, collection: str) -> dict[str, str]:
        """How each file was when it was refused, by name."""
        query = select(refusals.c.name, refusals.c.place).where(refusals.c.collection == collection)
        with self._database.reading() as connection:
            return {str(name): str(place) for name, place in connection.execute(query)}

    def forget(self, collection: str, names: Sequence[str]) -> None:
        """Files that are gone are refused no longer."""
        for begin in range(0, len(names), AT_ONCE):
            some = refusals.c.name.in_(names[begin : begin + AT_ONCE])
            with self._database.writing() as connection:
                connection.execute(delete(refusals).where(refusals.c.collection == collection, some))


def put(connection: Connection, refusal: Refusal) -> None:
    """Remembers a refusal, in the place of the one that the file had, within the caller's transaction."""
    known = (refusals.c.collection == refusal.collection, refusals.c.name == refusal.name)
    connection.execute(delete(refusals).where(*known))
    connection.execute(insert(refusals).values(msgspec.structs.asdict(refusal)))
