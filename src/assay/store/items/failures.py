"""The table `failures`: items that a version could not score, and when it tries again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from assay.domain.items.score import Failure
from assay.store.database import Database, Id, metadata
from assay.store.items.items import LIVE, items

failures = Table(
    "failures", metadata,
    Column("item", Id, primary_key=True),
    Column("model", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("retry_at", BigInteger, nullable=False),
    Column("code", String(64), nullable=False),
    Column("error", String, nullable=False),
    Index("ix_failures_due", "model", "version", "retry_at"),
)  # fmt: skip

FIRST_REST_US = 10_000_000
LONGEST_REST_US = 3_600_000_000
# what a model or its server does may be over at any moment, and then all its items are to be tried soon
LONGEST_REST_OF_THE_MODEL_US = 120_000_000
LONGEST_ERROR = 1_024


class Failed(msgspec.Struct, frozen=True):
    """That an item could not be scored, and why; `of_model` where the next item might have failed as well."""

    item: str
    code: str
    error: str
    of_model: bool = False


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """How many items fail for one reason, with the newest of their names and its error."""

    code: str
    items: int
    example: str
    error: str


class Failures:
    """Reading of the table; `groups` alone writes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_item(self, item: str) -> list[Failure]:
        """By which versions the item could not be scored, the newest first."""
        query = select(failures).where(failures.c.item == item).order_by(failures.c.at.desc())
        with self._database.reading() as connection:
            return [failure_of(row) for row in connection.execute(query)]

    def reasons(self, collection: str, model: str, version: int) -> list[Reason]:
        """Why live items of the collection fail, the most frequent reason first."""
        mine = (failures.c.model == model, failures.c.version == version, items.c.collection == collection, LIVE)
        of = failures.join(items, items.c.id == failures.c.item)
        counted = select(failures.c.code, func.count().label("count"), func.max(items.c.sequence).label("newest"))
        grouped = counted.select_from(of).where(*mine).group_by(failures.c.code).subquery()
        query = select(grouped.c.code, grouped.c["count"], items.c.name, failures.c.error).select_from(
            grouped.join(items, items.c.sequence == grouped.c.newest).join(
                failures,
                (failures.c.item == items.c.id) & (failures.c.model == model) & (failures.c.version == version),
            )
        )
        with self._database.reading() as connection:
            found = connection.execute(query.order_by(grouped.c["count"].desc(), grouped.c.code)).all()
        return [Reason(code=code, items=int(count), example=name, error=error) for code, count, name, error in found]

    def wake(self, model: str) -> None:
        """Every item that fails is tried again as soon as may be."""
        with self._database.writing() as connection:
            resting = (failures.c.model == model, failures.c.retry_at > 0)
            connection.execute(update(failures).where(*resting).values(retry_at=0))


def rest_us(attempts: int, *, of_model: bool) -> int:
    """How long an item rests after so many failures, in microseconds: twice as long each time, within limits."""
    longest = LONGEST_REST_OF_THE_MODEL_US if of_model else LONGEST_REST_US
    return min(FIRST_REST_US << min(attempts - 1, 20), longest)


def fail(connection: Connection, model: str, version: int, failed: Sequence[Failed], now: int) -> int:
    """Counts failures of items within the caller's transaction, each of which rests for longer than before; how many are new."""
    if not failed:
        return 0
    mine = (failures.c.item.in_([one.item for one in failed]), failures.c.model == model, failures.c.version == version)
    query = select(failures.c.item, failures.c.attempts).where(*mine)
    known = {str(item): int(attempts) for item, attempts in connection.execute(query)}
    made = []
    for one in failed:
        attempts = known.get(one.item, 0) + 1
        told = {"item": one.item, "model": model, "version": version, "at": now, "attempts": attempts}
        retry_at = now + rest_us(attempts, of_model=one.of_model)
        made.append(told | {"retry_at": retry_at, "code": one.code, "error": one.error[:LONGEST_ERROR]})
    connection.execute(delete(failures).where(*mine))
    connection.execute(insert(failures), made)
    return len(made) - len(known)


def succeed(connection: Connection, model: str, version: int, scored: Sequence[str]) -> int:
    """Forgets the failures of items that are scored by now, within the caller's transaction; how many there were."""
    mine = (failures.c.item.in_(scored), failures.c.model == model, failures.c.version == version)
    return connection.execute(delete(failures).where(*mine)).rowcount if scored else 0


def failure_of(row: Row[Any]) -> Failure:
    """The noun of a row."""
    return Failure(**row._mapping)
