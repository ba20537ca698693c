"""The table `datasets`: snapshots of training rows, named by their content."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Integer, Row, String, Table, insert, select, update

from assay.domain.dataset import Dataset, PartFacts
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
    Column("parent", String(64)),
    Column("fresh", Integer, nullable=False),
    Column("held_out", Integer, nullable=False),
    Column("duplicates", Integer, nullable=False),
    Column("parts", String, nullable=False),  # JSON
    Column("profile", String, nullable=False),  # JSON
    Column("learnt_by", String(64)),
)  # fmt: skip

_JSON: dict[str, Any] = {"columns": dict[str, str], "parts": tuple[PartFacts, ...], "profile": dict[str, Any]}


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

    def learnt(self, model: str, dataset: str, code: str) -> None:
        """Every recipe has been through the snapshot with this code."""
        query = update(datasets).where(datasets.c.model == model, datasets.c.id == dataset)
        with self._database.writing() as connection:
            connection.execute(query.values(learnt_by=code))


def add(connection: Connection, dataset: Dataset) -> None:
    """Registers a snapshot within the caller's transaction; the same rows again are the same snapshot.

    Only where they were seen last is then written anew: what goes on from that place goes on from them.
    """
    known = (datasets.c.model == dataset.model) & (datasets.c.id == dataset.id)
    if connection.execute(update(datasets).where(known).values(source=dataset.source)).rowcount == 0:
        values = msgspec.structs.asdict(dataset)
        values |= {name: msgspec.json.encode(values[name]).decode() for name in _JSON}
        connection.execute(insert(datasets).values(values))


def dataset_of(row: Row[Any]) -> Dataset:
    """The noun of a row."""
    kept = dict(row._mapping)
    kept |= {name: msgspec.json.decode(kept[name], type=kind) for name, kind in _JSON.items()}
    return Dataset(**kept)
