"""The table `scores`: complete sets of confidences, each all that one version said of one item; rows never change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    UniqueConstraint,
    insert,
    select,
)  # fmt: skip

from assay.domain.items.score import Score
from assay.store.database import Database, Id, metadata
from assay.store.paging import Page, Window, page_of, window

scores = Table(
    "scores", metadata,
    Column("id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("item", Id, nullable=False),
    Column("model", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("labels", String, nullable=False),  # JSON
    Column("confidences", LargeBinary, nullable=False),  # float32, little-endian, [seconds, labels]
    Column("took_us", BigInteger, nullable=False),
    UniqueConstraint("item", "model", "version", "run"),
    Index("ix_scores_item", "item", "id"),
)  # fmt: skip


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A set in brief: which version made it of which item, when and in which run, without what it says."""

    id: str
    at: int
    item: str
    model: str
    version: int
    run: int
    seconds: int
    took_us: int


class Scores:
    """Reading of the table; `groups` alone writes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def history(self, items: Collection[str], asked: Window, *, model: str | None = None) -> Page[Made]:
        """The sets of these items in brief, the newest first, or only one model's."""
        query = select(*(scores.c[name] for name in Made.__struct_fields__)).where(scores.c.item.in_(items))
        query = query if model is None else query.where(scores.c.model == model)
        with self._database.reading() as connection:
            found = connection.execute(window(query, scores.c, asked))
            return page_of([Made(**row._mapping) for row in found], asked)

    def made(self, item: str, **wanted: Any) -> list[Made]:
        """The newest set of each model and version, or of those that have these values, in brief; the newest first.

        `until` leaves out what was made later, and `run` has all others than that one left out.
        """
        until = wanted.pop("until", None)
        query = select(*(scores.c[name] for name in Made.__struct_fields__)).where(scores.c.item == item)
        for name, value in wanted.items():
            query = query if value is None else query.where(scores.c[name] == value)
        query = query if until is None else query.where(scores.c.at <= until)
        newest: dict[tuple[str, int], Made] = {}
        with self._database.reading() as connection:
            for row in connection.execute(query.order_by(scores.c.run.desc(), scores.c.id.desc())):
                newest.setdefault((row.model, row.version), Made(**row._mapping))
        return sorted(newest.values(), key=lambda one: one.id, reverse=True)

    def find(self, ids: Collection[str]) -> list[Score]:
        """These sets in full, the newest first."""
        query = select(scores).where(scores.c.id.in_(ids)).order_by(scores.c.id.desc())
        with self._database.reading() as connection:
            return [score_of(row) for row in connection.execute(query)]


def add(connection: Connection, sets: Sequence[Score]) -> list[Score]:
    """Keeps sets of one model and version within the caller's transaction; those that were not there yet."""
    if not sets:
        return []
    mine = (scores.c.item.in_([one.item for one in sets]), scores.c.model == sets[0].model)
    query = select(scores.c.item, scores.c.run).where(*mine, scores.c.version == sets[0].version)
    known = {(row.item, row.run) for row in connection.execute(query)}
    fresh = {(one.item, one.run): one for one in reversed(sets) if (one.item, one.run) not in known}
    if fresh:
        connection.execute(insert(scores), [values_of(one) for one in fresh.values()])
    return [*reversed(fresh.values())]


def values_of(score: Score) -> dict[str, Any]:
    """The score as a row."""
    return msgspec.structs.asdict(score) | {"labels": msgspec.json.encode(score.labels).decode()}


def score_of(row: Row[Any]) -> Score:
    """The noun of a row."""
    return score_with(row._mapping)


def score_with(told: Mapping[Any, Any]) -> Score:
    """The noun with these values of the table's columns."""
    return Score(**(dict(told) | {"labels": msgspec.json.decode(told["labels"], type=tuple[str, ...])}))
