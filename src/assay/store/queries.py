"""The tables `queries` and `query_batches`: questions that are gathered batch by batch and read page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    String,
    Table,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)  # fmt: skip

from assay.clock import new_id, now_us
from assay.domain.given.query import Answer, Query
from assay.errors import QueryClosed, QueryNotFound
from assay.store.database import Database, metadata
from assay.store.record.predictions import predictions

queries = Table(
    "queries", metadata,
    Column("id", String(32), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("model", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("closed_at", BigInteger),
)  # fmt: skip
query_batches = Table(
    "query_batches", metadata,
    Column("query", String(32), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("first", String(32), nullable=False),  # of the predictions: without it the batch was never recorded
    Column("predictions", String, nullable=False),  # JSON: their ids, in the order of the questions
)  # fmt: skip


class Queries:
    """The collection. A batch counts once its predictions are in the record, which they enter together or not at all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, model: str, version: int) -> Query:
        """A new query of this version."""
        made = Query(id=new_id(), at=now_us(), model=model, version=version)
        with self._database.writing() as connection:
            connection.execute(insert(queries).values(msgspec.structs.asdict(made)))
        return made

    def find(self, query: str) -> Query:
        """One query; raises QueryNotFound."""
        with self._database.reading() as connection:
            return _found(connection, query)

    def append(self, query: str, ids: Sequence[str]) -> int:
        """The number of a new batch of these predictions, from 0; raises QueryNotFound or QueryClosed."""
        with self._database.writing() as connection:
            if _found(connection, query).closed_at is not None:
                raise QueryClosed
            newest = connection.execute(
                select(func.max(query_batches.c.number)).where(query_batches.c.query == query)
            ).scalar()
            number = 0 if newest is None else int(newest) + 1
            told = {"query": query, "number": number, "at": now_us(), "rows": len(ids), "first": ids[0]}
            connection.execute(insert(query_batches).values(predictions=msgspec.json.encode(ids).decode(), **told))
        return number

    def close(self, query: str) -> Query:
        """The query, which takes no more batches from now on; raises QueryNotFound."""
        with self._database.reading() as connection:
            found = _found(connection, query)
        if found.closed_at is not None:
            return found
        with self._database.writing() as connection:
            open_ = (queries.c.id == query, queries.c.closed_at.is_(None))
            connection.execute(update(queries).where(*open_).values(closed_at=now_us()))
            return _found(connection, query)

    def answers(self, query: str, offset: int, limit: int) -> tuple[list[Answer], int]:
        """Some answers in the order of the questions, and how many there are in all."""
        recorded = exists().where(predictions.c.id == query_batches.c.first)
        mine = (query_batches.c.query == query, recorded)
        sizes = select(query_batches.c.number, query_batches.c.rows).where(*mine).order_by(query_batches.c.number)
        with self._database.reading() as connection:
            total, wanted = 0, []
            for number, rows in connection.execute(sizes):
                first, last = max(offset - total, 0), min(offset + limit - total, rows)
                if first < last:
                    wanted += _ids(connection, query, number)[first:last]
                total += rows
            chosen = select(predictions.c.id, predictions.c.value).where(predictions.c.id.in_(wanted))
            values = {str(one): value for one, value in connection.execute(chosen)}
        return [Answer(id=one, prediction=values[one]) for one in wanted if one in values], total

    def delete(self, query: str) -> None:
        """Forgets the query; its predictions stay in the record. Raises QueryNotFound."""
        with self._database.writing() as connection:
            _found(connection, query)
            connection.execute(delete(query_batches).where(query_batches.c.query == query))
            connection.execute(delete(queries).where(queries.c.id == query))


def _found(connection: Connection, query: str) -> Query:
    row = connection.execute(select(queries).where(queries.c.id == query)).first()
    if row is None:
        raise QueryNotFound
    return Query(**row._mapping)


def _ids(connection: Connection, query: str, number: int) -> list[str]:
    one = select(query_batches.c.predictions).where(query_batches.c.query == query, query_batches.c.number == number)
    found: Any = connection.execute(one).scalar_one()
    return msgspec.json.decode(found, type=list[str])
