"""The tables `named_datasets` and `uploads`: rows that were sent over HTTP, part by part, under a name."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    Row,
    Select,
    String,
    Table,
    UniqueConstraint,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)  # fmt: skip

from assay.clock import new_id, now_us
from assay.domain.given.upload import NamedDataset, Upload
from assay.errors import DatasetInUse, DatasetNotFound
from assay.store.audit import note
from assay.store.database import Database, metadata
from assay.store.datasets import datasets
from assay.store.paging import Page, Window, page_of, window
from assay.store.work.jobs import jobs

named_datasets = Table(
    "named_datasets", metadata,
    Column("name", String(64), primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("model", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
)  # fmt: skip
uploads = Table(
    "uploads", metadata,
    Column("id", String(32), primary_key=True),
    Column("dataset", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("file", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("format", String(16), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    Column("faults", String, nullable=False),  # JSON: why rows are set aside, with how many
    Column("by", String(128), nullable=False),
    UniqueConstraint("dataset", "file"),
)  # fmt: skip


class Uploads:
    """Named datasets and their parts. A part never changes; a dataset that is deleted leaves its name and its history."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, asked: Window) -> Page[NamedDataset]:
        """The datasets that there are, the newest first."""
        query = window(_summed(), named_datasets.c, asked)
        with self._database.reading() as connection:
            return page_of([_dataset_of(row) for row in connection.execute(query)], asked)

    def find(self, name: str) -> NamedDataset:
        """One dataset; raises DatasetNotFound."""
        with self._database.reading() as connection:
            return find(connection, name)

    def parts(self, name: str) -> list[Upload]:
        """What was appended, in that order; raises DatasetNotFound."""
        query = select(uploads).where(uploads.c.dataset == name).order_by(uploads.c.at, uploads.c.id)
        with self._database.reading() as connection:
            find(connection, name)
            return [_upload_of(row) for row in connection.execute(query)]

    def create(self, name: str, model: str, by: str) -> tuple[NamedDataset, bool]:
        """The dataset, and whether it was created now, empty; raises DatasetInUse where it belongs to another model."""
        with self._database.writing() as connection:
            known = connection.execute(select(named_datasets).where(named_datasets.c.name == name)).first()
            if known is not None and known.deleted_at is None:
                if known.model != model:
                    raise DatasetInUse(
                        f"The dataset {name!r} holds rows for the model {known.model!r}; choose another name."
                    )
                return find(connection, name), False
            made = {"id": new_id(), "model": model, "at": now_us(), "deleted_at": None}
            if known is None:
                connection.execute(insert(named_datasets).values(name=name, **made))
            else:
                connection.execute(update(named_datasets).where(named_datasets.c.name == name).values(made))
            note(connection, "dataset.create", name, by=by, after={"model": model})
            return find(connection, name), True

    def delete(self, name: str, by: str) -> list[str]:
        """Leaves only the name, and in the audit what its parts were; the files that it had.

        Raises DatasetNotFound, or DatasetInUse where a job that has not ended needs it.
        """
        with self._database.writing() as connection:
            found = find(connection, name)
            running = _job_of(connection, name)
            if running is not None:
                told = f"The job {running} is to learn from {name!r}; cancel it or wait for its end."
                raise DatasetInUse(told)
            mine = uploads.c.dataset == name
            parts = [_upload_of(row) for row in connection.execute(select(uploads).where(mine))]
            connection.execute(delete(uploads).where(mine))
            connection.execute(update(named_datasets).where(named_datasets.c.name == name).values(deleted_at=now_us()))
            note(connection, "dataset.delete", name, by=by, before={"model": found.model, "parts": parts})
        return [part.file for part in parts]

    def named(self, file: str) -> bool:
        """Whether an upload or a snapshot still needs the file of this name; ask within the store's turn."""
        uses = [select(uploads.c.id).where(uploads.c.file == file)]
        uses += [select(datasets.c.id).where(or_(datasets.c.id == file, datasets.c.removed_file == file))]
        with self._database.reading() as connection:
            return any(connection.execute(use).first() is not None for use in uses)


def add(connection: Connection, upload: Upload, dataset: str) -> tuple[Upload, bool]:
    """Appends a part within the caller's transaction; the one that is there and False if its bytes are known already.

    `dataset` is the id of the one for which the part was proved; raises DatasetNotFound where it was deleted meanwhile,
    even if another has its name by now.
    """
    if find(connection, upload.dataset).id != dataset:
        raise DatasetNotFound(upload.dataset)
    known = connection.execute(
        select(uploads).where(uploads.c.dataset == upload.dataset, uploads.c.file == upload.file)
    ).first()
    if known is not None:
        return _upload_of(known), False
    values = msgspec.structs.asdict(upload)
    values["faults"] = msgspec.json.encode(values.pop("reasons")).decode()
    connection.execute(insert(uploads).values(values))
    told = {"upload": upload.id, "file": upload.file, "rows": upload.rows, "removed": upload.removed}
    note(connection, "dataset.append", upload.dataset, by=upload.by, after=told)
    return upload, True


def find(connection: Connection, name: str) -> NamedDataset:
    """One dataset, within the caller's transaction; raises DatasetNotFound."""
    row = connection.execute(_summed().where(named_datasets.c.name == name)).first()
    if row is None:
        raise DatasetNotFound(name)
    return _dataset_of(row)


def _summed() -> Select[Any]:
    """The datasets that are not deleted, each with the sums over its parts."""
    mine = uploads.c.dataset == named_datasets.c.name
    sums = [
        select(func.coalesce(what, 0)).where(mine).scalar_subquery().label(name)
        for name, what in (
            ("parts", func.count(uploads.c.id)), ("rows", func.sum(uploads.c.rows)), ("removed", func.sum(uploads.c.removed)),
        )
    ]  # fmt: skip
    kept = [column for column in named_datasets.c if column.name != "deleted_at"]
    return select(*kept, *sums).where(named_datasets.c.deleted_at.is_(None))


def _job_of(connection: Connection, name: str) -> str | None:
    """A job that has not ended and is to learn from the dataset."""
    waiting = select(jobs.c.id, jobs.c.arguments).where(jobs.c.state.in_(("queued", "running")))
    for job, arguments in connection.execute(waiting):
        if msgspec.json.decode(arguments).get("dataset") == name:
            return str(job)
    return None


def _dataset_of(row: Row[Any]) -> NamedDataset:
    return NamedDataset(**row._mapping)


def _upload_of(row: Row[Any]) -> Upload:
    kept = dict(row._mapping)
    return Upload(reasons=msgspec.json.decode(kept.pop("faults")), **kept)
