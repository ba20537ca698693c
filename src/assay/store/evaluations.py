"""The table `evaluations`: a version's metrics on a dataset at a moment."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Integer, Row, String, Table, insert, select

from assay.domain.evaluation import Evaluation
from assay.domain.version import Version
from assay.store.database import Database, metadata

evaluations = Table(
    "evaluations", metadata,
    Column("id", String(32), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("model", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("dataset", String(64), nullable=False),
    Column("split", String(16), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("metrics", String, nullable=False),  # JSON
    Column("segments", String, nullable=False),  # JSON
)  # fmt: skip


class Evaluations:
    """The collection; append-only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, model: str, version: int) -> list[Evaluation]:
        """Every evaluation of the version, the newest first."""
        query = select(evaluations).where(evaluations.c.model == model, evaluations.c.version == version)
        with self._database.reading() as connection:
            return [evaluation_of(row) for row in connection.execute(query.order_by(evaluations.c.id.desc()))]

    def add(self, evaluation: Evaluation) -> None:
        """Keeps an evaluation in a transaction of its own."""
        with self._database.writing() as connection:
            add(connection, evaluation)


def add(connection: Connection, evaluation: Evaluation) -> None:
    """Keeps an evaluation within the caller's transaction."""
    values = msgspec.structs.asdict(evaluation)
    values |= {name: msgspec.json.encode(values[name]).decode() for name in ("metrics", "segments")}
    connection.execute(insert(evaluations).values(values))


def add_of(connection: Connection, version: Version) -> None:
    """Keeps the version's own evaluation, on the rows held out when it was trained."""
    add(connection, Evaluation.of(version))


def evaluation_of(row: Row[Any]) -> Evaluation:
    """The noun of a row."""
    kept = dict(row._mapping)
    kept |= {name: msgspec.json.decode(kept[name]) for name in ("metrics", "segments")}
    return Evaluation(**kept)
