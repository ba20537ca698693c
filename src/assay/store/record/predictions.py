"""The table `predictions`: one typed row an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Float,
    Index,
    Integer,
    Row,
    ScalarSelect,
    String,
    Table,
    func,
    select,
    text,
)  # fmt: skip

from assay.domain.prediction import Role
from assay.store.database import Database, Id, Values, metadata
from assay.store.paging import LAST_ID, Page, Span, Window, first_id, span
from assay.store.record.walking import LOOK_BACK, Look, Part, Walk, conditions, page_of_look

__all__ = ["BATCH", "COLUMNS", "Asked", "Given", "Predictions", "Recorded", "first_id", "predictions", "whole"]

_KNOWN = text("entity IS NOT NULL")
predictions = Table(
    "predictions", metadata,
    Column("id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False),  # microseconds since 1970, UTC
    Column("model", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("role", String(16), nullable=False),
    Column("question", String, nullable=False),  # JSON
    Column("answer", String, nullable=False),  # JSON
    Column("value", Float(53)),  # the headline number of the answer
    Column("took_us", BigInteger, nullable=False),
    Column("exchange", Id),
    Column("position", Integer, nullable=False),  # of the row within its exchange
    Column("experiment", String(64)),  # in which the version answered as an arm, or as a shadow
    Column("entity", String(200)),  # whose features were asked: a feature table's name, "/" and the key
    Index("ix_predictions_version", "model", "version", "role", "id"),
    Index("ix_predictions_exchange", "exchange"),
    Index("ix_predictions_entity", "entity", "id", sqlite_where=_KNOWN, postgresql_where=_KNOWN),
)  # fmt: skip

COLUMNS: tuple[str, ...] = tuple(predictions.columns.keys())
PLAIN_COLUMNS: tuple[str, ...] = COLUMNS[
    : COLUMNS.index("experiment")
]  # of an answer in no experiment and about no entity
BATCH = 1_000
VERSION = (predictions.c.model, predictions.c.version, predictions.c.role)  # in this order in their index


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction as it is kept; `question` and `answer` are JSON."""

    id: str
    at: int
    model: str
    version: int
    role: Role
    question: msgspec.Raw
    answer: msgspec.Raw
    value: float | None
    took_us: int
    exchange: str | None
    position: int
    experiment: str | None = None
    entity: str | None = None


class Given(msgspec.Struct, frozen=True):
    """An answer in brief: who gave it, its number, how long its round took, and where it was asked."""

    version: int
    value: float | None
    took_us: int
    exchange: str | None
    position: int


class Asked(msgspec.Struct, frozen=True):
    """A question with the answer that was given, both as the JSON that is kept."""

    id: str
    version: int
    question: str
    answer: str


class Predictions:
    """Reading of the table; the recorder alone writes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, asked: Window, *, model: str | None = None, version: int | None = None,
        role: str | None = None, exchange: str | None = None, entity: str | None = None,
    ) -> Page[Recorded]:  # fmt: skip
        """The newest first; those of one exchange or about one entity are few."""
        wanted = {"model": model, "version": version, "role": role}
        given: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
        with self._database.reading() as connection:
            walk = Walk(connection, predictions)
            if exchange is not None or entity is not None:
                few = {name: one for name, one in (("exchange", exchange), ("entity", entity)) if one is not None}
                look = _of_few(connection, few, given, asked)
            else:
                look = walk.between(_parts(connection, given, span(asked).high) if given else [Part()], asked)
            entries = [recorded_of(row) for row in walk.rows(select(predictions), look.ids)]
        return page_of_look(look, entries, asked)

    def find(self, prediction: str) -> Recorded | None:
        """One prediction by its id."""
        with self._database.reading() as connection:
            row = connection.execute(select(predictions).where(predictions.c.id == prediction)).first()
        return recorded_of(row) if row else None

    def newest_questions(self, model: str, count: int) -> list[Recorded]:
        """The newest answers to `count` different questions on the model, of its last answers that are looked at."""
        found: dict[str, Recorded] = {}
        with self._database.reading() as connection:
            for row in _newest_answers(connection, model):
                if len(found) == count:
                    break
                if row.question not in found:
                    found[row.question] = recorded_of(row)
        return list(found.values())

    def given(self, model: str, *, since: int, until: int, limit: int) -> list[Given]:
        """The newest answers of the model between two times, at most `limit`."""
        query = select(predictions.c.id, *(predictions.c[name] for name in Given.__struct_fields__))
        among = Span(first_id(since), first_id(until))
        with self._database.reading() as connection:
            parts = _parts(connection, {"model": model, "role": "answer"}, among.high)
            walk = Walk(connection, predictions)
            return [Given(*tuple(row)[1:]) for row in walk.rows(query, walk.merged(parts, among, limit).ids)]

    def asked(self, model: str, *, after: str, limit: int) -> list[Asked]:
        """At most `limit` questions on the model with their answers, the oldest first, whose ids come after this one."""
        columns = [predictions.c[name] for name in Asked.__struct_fields__]
        found: list[Asked] = []
        with self._database.reading() as connection:
            while len(found) < limit:
                look = select(*columns, predictions.c.model).where(predictions.c.id > after).order_by(predictions.c.id)
                rows = connection.execute(look.limit(BATCH)).all()
                found += [Asked(*row[:-1]) for row in rows if row.model == model]
                if len(rows) < BATCH:
                    break
                after = rows[-1].id
        return found[:limit]

    def count(self, model: str, *, after: str) -> int:
        """How many predictions of the model have ids that come after this one."""
        query = select(func.count()).where(predictions.c.id > after, predictions.c.model == model)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())


def whole(row: Values) -> Values:
    """A row of the record with every column; what it does not name is null."""
    return (*row, *(None,) * (len(COLUMNS) - len(row)))


def recorded_of(row: Row[Any]) -> Recorded:
    """The noun of a row."""
    kept = dict(row._mapping)
    for name in ("question", "answer"):
        kept[name] = msgspec.Raw(kept[name].encode())
    return Recorded(**kept)


def _parts(connection: Connection, given: dict[str, Any], high: str) -> Iterator[Part]:
    """The parts of the index by model, version and role that hold what is given, each with its newest id before `high`.

    One seek leads from a part to the one before it: there are few, however many rows they have.
    """
    first = select(*VERSION).order_by(*_descending(predictions)).limit(1)
    if "model" in given:
        first = first.where(predictions.c.model == given["model"])
    known = select(first.subquery()).cte("known", recursive=True)
    one, other = predictions.alias("one"), predictions.alias("other")
    same = (other.c.model == known.c.model, other.c.version == known.c.version)
    seeks = [_last(other, *same, other.c.role < known.c.role), _last(other, same[0], other.c.version < known.c.version)]
    if "model" not in given:
        seeks.append(_last(other, other.c.model < known.c.model))
    before = select(*(one.c[column.name] for column in VERSION))
    every = known.union_all(before.select_from(known.join(one, one.c.id == func.coalesce(*seeks))))
    within = (other.c[column.name] == every.c[column.name] for column in VERSION)
    query = select(*every.c, _last(other, *within, other.c.id < high))
    for *values, last in connection.execute(query.where(*(every.c[name] == value for name, value in given.items()))):
        if last is not None:
            yield Part(VERSION, tuple(values), newest=last)


def _last(table: Any, *where: ColumnElement[bool]) -> ScalarSelect[Any]:
    return select(table.c.id).where(*where).order_by(*_descending(table)).limit(1).scalar_subquery()


def _descending(table: Any) -> list[ColumnElement[Any]]:
    return [table.c[column.name].desc() for column in (*VERSION, predictions.c.id)]


def _of_few(connection: Connection, few: dict[str, str], given: dict[str, Any], asked: Window) -> Look:
    # sums keep planners from every index but those of exchanges and entities, which have few rows each
    among, ids = span(asked), predictions.c.id + ""
    query = select(predictions.c.id).where(*(predictions.c[name] == one for name, one in few.items()))
    query = query.where(ids >= among.low, ids < among.high)
    for name, value in given.items():
        query = query.where((predictions.c[name] + (0 if name == "version" else "")) == value)
    where = conditions(asked)
    query = query.where(*(where(predictions.c) if where else ())).order_by(ids.desc()).limit(asked.limit + 1)
    return Look(list(connection.execute(query).scalars()))


def _newest_answers(connection: Connection, model: str) -> Iterator[Row[Any]]:
    walk, high = Walk(connection, predictions), LAST_ID
    for _ in range(0, LOOK_BACK, BATCH):
        parts = _parts(connection, {"model": model, "role": "answer"}, high)
        ids = walk.merged(parts, Span("", high), BATCH).ids
        yield from walk.rows(select(predictions), ids)
        if len(ids) < BATCH:
            return
        high = ids[-1]
