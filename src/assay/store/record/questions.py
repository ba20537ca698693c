"""What models were really asked, in the order of its ids: the part of the table `predictions` that shadows listen to."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select

from assay.store.database import Database, Values
from assay.store.record.predictions import COLUMNS, predictions, whole

LOOK = 5_000  # rows of any model that are gone through at once


class Question(msgspec.Struct, frozen=True):
    """A question as it is kept (JSON), and where it was asked; `id` is that of its first answer."""

    id: str
    question: str
    exchange: str
    position: int


class Heard(NamedTuple):
    """Some questions, the oldest first, and the id up to which none is left out."""

    questions: list[Question]
    upto: str


class Questions:
    """Those that were answered to somebody over HTTP: what `assay predict` asks has no exchange, and a shadow's no role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def between(self, model: str, after: str, before: str, limit: int) -> Heard:
        """At most `limit` questions whose ids come after the one and before the other; of rare ones a look may find none."""
        columns = [predictions.c[name] for name in Question.__struct_fields__]
        with self._database.reading() as connection:
            last = _last(connection, after, before)
            asked = _asked(model, after, before if last is None else last + "0")  # comes right after it
            query = select(*columns).where(*asked).order_by(predictions.c.id).limit(limit)
            found = [Question(*row) for row in connection.execute(query)]
        return Heard(found, found[-1].id if len(found) == limit else last or before)

    def count(self, model: str, after: str, before: str) -> int:
        """How many there are."""
        query = select(func.count()).where(*_asked(model, after, before))
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())


def keep(connection: Connection, rows: list[Values]) -> None:
    """Keeps predictions, in the order of `predictions.COLUMNS`, within the caller's transaction."""
    if rows:  # as the driver has it: nobody else writes meanwhile, and a dictionary a row takes six times as long
        value = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        values = ",".join([value] * len(COLUMNS))
        statement = f"INSERT INTO predictions ({','.join(COLUMNS)}) VALUES ({values})"  # noqa: S608 - names of our own
        connection.exec_driver_sql(statement, [whole(row) for row in rows])


def _last(connection: Connection, after: str, before: str) -> str | None:
    """The id of the last row that one look goes through, where there may be more."""
    ids = predictions.c.id
    query = select(ids).where(ids > after, ids < before).order_by(ids).offset(LOOK - 1).limit(1)
    return connection.execute(query).scalar()


def _asked(model: str, after: str, before: str) -> tuple[ColumnElement[bool], ...]:
    # sums keep planners from every index but that of the ids, in whose order the rows are wanted
    columns = predictions.c
    return (
        columns.id > after, columns.id < before, columns.model + "" == model, columns.role + "" == "answer",
        columns.exchange.is_not(None),
    )  # fmt: skip
