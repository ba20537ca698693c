"""A backup is put where nothing is: into a home that is not there yet, or into an empty database of PostgreSQL."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from assay.errors import BackupRejected
from assay.store import schema
from assay.store.copies import notice, pages
from assay.store.copies.draft import drafted, sync
from assay.store.copies.named import Place, adopt, gather, named
from assay.store.copies.notice import DATABASE, Heard, Notice
from assay.store.database import Database
from assay.store.databases.sqlite import Sqlite
from assay.store.files.artifacts import Artifacts

OPENED = "if it was opened as a home since, it is one now: back that up with `assay db backup APP --home FOLDER OTHER`"


def restore_home(folder: Path, place: Place, heard: Heard) -> Notice:
    """Makes the place's home, whole or not at all; raises NotEmpty, BackupRejected, SchemaTooNew or StoreUnavailable."""
    with drafted(place.home) as draft:
        file = draft / DATABASE
        told = _confirmed(folder, heard, copy=file)
        with pages.reading_file(file) as source:
            _keep_files(folder, told, source, place._replace(home=draft).artifacts(), heard)
        file.chmod(0o600)
        sync(file)
        database = Sqlite(file)
        schema.upgrade(database)
        database.close()
    return told


def restore_database(folder: Path, place: Place, database: Database, heard: Heard) -> Notice:
    """Fills an empty database of PostgreSQL in one transaction, once the files are in their place.

    Raises NotEmpty, BackupRejected, SchemaTooNew or StoreUnavailable; the database is empty then.
    """
    import alembic.command  # noqa: F401, PLC0415 - half a second, and best before the transaction

    from assay.store.copies import postgresql  # noqa: PLC0415 - its driver is an optional part

    with database.reading() as connection:
        postgresql.confirm_empty(connection)
    told = _confirmed(folder, heard)
    with pages.reading_file(folder / DATABASE) as source:
        _keep_files(folder, told, source, place.artifacts(), heard)
        with database.writing() as connection:
            postgresql.clear(connection)
            schema.migrate(connection, told.schema)
            postgresql.fill(connection, source, heard)
            schema.migrate(connection)
    with database.writing() as connection:
        connection.exec_driver_sql("ANALYZE")
    return told


def _confirmed(folder: Path, heard: Heard, *, copy: Path | None = None) -> Notice:
    """What the backup says of itself, once its database is what it says; of the copy, where one is to be made."""
    told = notice.read(folder)
    schema.refuse_newer(told.schema)
    heard("database", 0, 1)
    try:
        file = shutil.copyfile(folder / DATABASE, copy) if copy is not None else folder / DATABASE
        found = notice.digest(file)
    except FileNotFoundError:
        raise BackupRejected(f"The backup is damaged: there is no {DATABASE} in {folder}.") from None
    if found != told.database:
        raise BackupRejected(f"{folder / DATABASE} is not as the backup was made: it is damaged, or {OPENED}.")
    heard("database", 1, 1)
    return told


def _keep_files(folder: Path, told: Notice, source: Any, target: Artifacts, heard: Heard) -> None:
    kept = Artifacts(folder / "artifacts")
    needed = named(source.execute, told.schema)
    _, missing = gather(needed, lambda name: adopt(kept.path(name), name, target), heard)
    for name, need in missing.items():
        if need.must and name not in told.missing:
            raise BackupRejected(f"The backup is damaged: a file of {need.by} is missing or damaged ({name[:12]}…).")
