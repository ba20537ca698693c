"""The table `versions`: every training run that was registered, failed ones too."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Integer, Row, String, Table, func, insert, select, update

from assay.domain.version import Status, Version
from assay.errors import VersionNotFound
from assay.store.audit import note
from assay.store.database import Database, metadata

versions = Table(
    "versions", metadata,
    Column("model", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("recipe", String(128), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("dataset", String(64), nullable=False),
    Column("manifest", String(64)),
    Column("engine", String(16), nullable=False),
    Column("parameters", String, nullable=False),  # JSON
    Column("metrics", String, nullable=False),  # JSON
    Column("segments", String, nullable=False),  # JSON
    Column("seed", BigInteger, nullable=False),
    Column("code_digest", String(64), nullable=False),
    Column("libraries", String, nullable=False),  # JSON
    Column("train_rows", Integer, nullable=False),
    Column("test_rows", Integer, nullable=False),
    Column("took_ms", BigInteger, nullable=False),
    Column("error", String, nullable=False),
    Column("label", String(128), index=True),
)  # fmt: skip

LARGEST = 2**31 - 1  # that the column of a version's number holds
_JSON = ("parameters", "metrics", "segments", "libraries")


class Versions:
    """The collection; a registered version never changes but for being marked broken."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, model: str) -> list[Version]:
        """Every version of the model, the newest first."""
        query = select(versions).where(versions.c.model == model).order_by(versions.c.number.desc())
        with self._database.reading() as connection:
            return [version_of(row) for row in connection.execute(query)]

    def find(self, model: str, number: int) -> Version:
        """One version; raises VersionNotFound."""
        if not 0 < number <= LARGEST:
            raise VersionNotFound(model, number)
        query = select(versions).where(versions.c.model == model, versions.c.number == number)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise VersionNotFound(model, number)
        return version_of(row)

    def models(self) -> list[str]:
        """The names of the models that have versions."""
        with self._database.reading() as connection:
            return list(connection.execute(select(versions.c.model).distinct().order_by(versions.c.model)).scalars())

    def mark(self, model: str, number: int, *, status: Status, error: str) -> None:
        """Marks a version as broken, with the reason."""
        query = update(versions).where(versions.c.model == model, versions.c.number == number)
        with self._database.writing() as connection:
            connection.execute(query.values(status=status, error=error))

    def unlabel(self, model: str, label: str, by: str) -> None:
        """Takes a client's own name off the versions that have it; raises VersionNotFound where none has."""
        mine = (versions.c.model == model, versions.c.label == label)
        with self._database.writing() as connection:
            numbers = list(connection.execute(select(versions.c.number).where(*mine)).scalars())
            if not numbers:
                raise VersionNotFound(model, label)
            connection.execute(update(versions).where(*mine).values(label=None))
            note(connection, "version.unlabel", model, by=by, before={"label": label, "versions": numbers})


def add(connection: Connection, version: Version) -> Version:
    """Registers a version under the next number of its model, within the caller's transaction."""
    newest = connection.execute(select(func.max(versions.c.number)).where(versions.c.model == version.model)).scalar()
    numbered = msgspec.structs.replace(version, number=(newest or 0) + 1)
    values = msgspec.structs.asdict(numbered)
    values |= {name: msgspec.json.encode(values[name]).decode() for name in _JSON}
    connection.execute(insert(versions).values(values))
    return numbered


def labelled(connection: Connection, model: str, label: str) -> int | None:
    """The newest version that has this label."""
    mine = (versions.c.model == model, versions.c.label == label)
    return connection.execute(select(func.max(versions.c.number)).where(*mine)).scalar()


def version_of(row: Row[Any]) -> Version:
    """The noun of a row."""
    kept = dict(row._mapping)
    kept |= {name: msgspec.json.decode(kept[name]) for name in _JSON}
    return Version(**kept)
