"""The table `predictions`: one typed row an answer."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Float, Index, Integer, Row, String, Table, func, select

from assay.domain.prediction import Role
from assay.store.database import Database, Id, metadata
from assay.store.paging import Page, Window, page_of, window

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
    Index("ix_predictions_version", "model", "version", "role", "id"),
    Index("ix_predictions_exchange", "exchange"),
)  # fmt: skip

COLUMNS: tuple[str, ...] = tuple(predictions.columns.keys())
LOOK_BACK = (
    20_000  # rows of all models that are looked at for the newest of one: no index but the ids', and no full scan
)


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
        role: str | None = None, exchange: str | None = None,
    ) -> Page[Recorded]:  # fmt: skip
        """The newest first."""
        query = window(select(predictions), predictions.c, asked)
        given = {"model": model, "version": version, "role": role, "exchange": exchange}
        for name, value in given.items():
            if value is not None:
                query = query.where(predictions.c[name] == value)
        with self._database.reading() as connection:
            return page_of([recorded_of(row) for row in connection.execute(query)], asked)

    def find(self, prediction: str) -> Recorded | None:
        """One prediction by its id."""
        with self._database.reading() as connection:
            row = connection.execute(select(predictions).where(predictions.c.id == prediction)).first()
        return recorded_of(row) if row else None

    def newest_questions(self, model: str, count: int) -> list[Recorded]:
        """The newest answers to `count` different questions on the model, of the last rows that are looked at."""
        newest = select(predictions).order_by(predictions.c.id.desc()).limit(LOOK_BACK).subquery()
        query = select(newest).where(newest.c.model == model, newest.c.role == "answer").order_by(newest.c.id.desc())
        found: dict[str, Recorded] = {}
        with self._database.reading() as connection:
            for row in connection.execute(query):
                if len(found) == count:
                    break
                if row.question not in found:
                    found[row.question] = recorded_of(row)
        return list(found.values())

    def given(self, model: str, *, since: int, until: int, limit: int) -> list[Given]:
        """The newest answers of the model between two times, at most `limit` and only of the last rows looked at."""
        within = select(predictions).where(predictions.c.id >= first_id(since), predictions.c.id < first_id(until))
        newest = within.order_by(predictions.c.id.desc()).limit(LOOK_BACK).subquery()
        columns = [newest.c[name] for name in Given.__struct_fields__]
        query = select(*columns).where(newest.c.model == model, newest.c.role == "answer")
        with self._database.reading() as connection:
            return [Given(*row) for row in connection.execute(query.order_by(newest.c.id.desc()).limit(limit))]

    def asked(self, model: str, *, after: str, limit: int) -> list[Asked]:
        """At most `limit` questions on the model with their answers, the oldest first, whose ids come after this one."""
        columns = [predictions.c[name] for name in Asked.__struct_fields__]
        query = select(*columns).where(predictions.c.id > after, predictions.c.model == model)
        with self._database.reading() as connection:
            return [Asked(*row) for row in connection.execute(query.order_by(predictions.c.id).limit(limit))]

    def count(self, model: str, *, after: str) -> int:
        """How many predictions of the model have ids that come after this one."""
        query = select(func.count()).where(predictions.c.id > after, predictions.c.model == model)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())


def first_id(at: int) -> str:
    """The id before which all ids of earlier milliseconds come, for a time in microseconds."""
    return f"{max(0, at) // 1000:012x}" + "0" * 20


def recorded_of(row: Row[Any]) -> Recorded:
    """The noun of a row."""
    kept = dict(row._mapping)
    for name in ("question", "answer"):
        kept[name] = msgspec.Raw(kept[name].encode())
    return Recorded(**kept)
