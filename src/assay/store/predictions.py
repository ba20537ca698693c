"""The table `predictions`: one typed row an answer."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Float, Integer, Row, String, Table, select

from assay.domain.prediction import Role
from assay.store.database import Database, metadata
from assay.store.paging import Page, Window, page_of, window

predictions = Table(
    "predictions", metadata,
    Column("id", String(32), primary_key=True),
    Column("at", BigInteger, nullable=False),  # microseconds since 1970, UTC
    Column("model", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("role", String(16), nullable=False),
    Column("question", String, nullable=False),  # JSON
    Column("answer", String, nullable=False),  # JSON
    Column("value", Float(53)),  # the headline number of the answer
    Column("took_us", BigInteger, nullable=False),
    Column("exchange", String(32)),
    Column("position", Integer, nullable=False),  # of the row within its exchange
)  # fmt: skip

COLUMNS: tuple[str, ...] = tuple(predictions.columns.keys())


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


def recorded_of(row: Row[Any]) -> Recorded:
    """The noun of a row."""
    kept = dict(row._mapping)
    for name in ("question", "answer"):
        kept[name] = msgspec.Raw(kept[name].encode())
    return Recorded(**kept)
