"""The table `datasets`: snapshots of training rows, named by their content."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Integer, Row, String, Table, insert, select

from assay.domain.dataset import Dataset
from assay.store.database import Database, metadata

datasets = Table(
    "datasets", metadata,
    Column("id", String(64), primary_key=True),
    Column("model", String(64), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("source", String, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    Column("columns", String, nullable=False),  # JSON
    Column("removed_file", String(64)),
)  # fmt: skip


class Datasets:
    """The collection; a snapshot never changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, model: str) -> list[Dataset]:
        """Every snapshot of the model, the newest first."""
        query = select(datasets).where(datasets.c.model == model).order_by(datasets.c.created_at.desc())
        with self._database.reading() as connection:
            return [dataset_of(row) for row in connection.execute(query)]

    def find(self, model: str, dataset: str) -> Dataset | None:
        """One snapshot by its content's name."""
        query = select(datasets).where(datasets.c.model == model, datasets.c.id == dataset)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return dataset_of(row) if row else None


def add(connection: Connection, dataset: Dataset) -> None:
    """Registers a snapshot within the caller's transaction; the same rows again are the same snapshot."""
    known = select(datasets.c.id).where(datasets.c.model == dataset.model, datasets.c.id == dataset.id)
    if connection.execute(known).first() is None:
        values = msgspec.structs.asdict(dataset)
        values["columns"] = msgspec.json.encode(dataset.columns).decode()
        connection.execute(insert(datasets).values(values))


def dataset_of(row: Row[Any]) -> Dataset:
    """The noun of a row."""
    kept = dict(row._mapping)
    kept["columns"] = msgspec.json.decode(kept["columns"])
    return Dataset(**kept)
