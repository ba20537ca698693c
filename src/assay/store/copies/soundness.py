"""Whether a store is what it should be: its schema, its pages, its tables, and the files that its rows name."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from assay.errors import StoreUnavailable
from assay.store import schema
from assay.store.copies import pages
from assay.store.copies.named import Fetch, Place, gather, named
from assay.store.copies.notice import Heard
from assay.store.database import Database
from assay.store.databases.sqlite import Sqlite
from assay.store.files.artifacts import artifacts_at
from assay.store.schema.shape import differences, shape_of, todays

DRAFTS = "*/.*.tmp"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at: what was found, and each fault."""

    name: str
    found: str
    faults: list[str] = []


def check(database: Database, place: Place, heard: Heard) -> Iterator[Finding]:
    """Everything, one after the other; changes nothing. What cannot be read any more is a fault."""
    try:
        yield (first := _schema(database))
        yield _database(database, heard)
        if first.faults:
            return
        yield _tables(database)
        yield from _files(database, place, heard)
    except StoreUnavailable as failed:
        yield Finding(name="store", found="not readable", faults=[str(failed)])


def _schema(database: Database) -> Finding:
    with database.reading() as connection:
        known = schema.current(connection)
    if known is None:
        return Finding(name="schema", found="none: nothing is kept yet")
    if known > schema.HEAD:
        return Finding(name="schema", found=known, faults=["it is a newer Assay's; upgrade this one"])
    older = known < schema.HEAD
    return Finding(
        name="schema", found=known, faults=["it is an older Assay's; `assay db upgrade APP`"] if older else []
    )


def _database(database: Database, heard: Heard) -> Finding:
    heard("database", 0, 1)
    if isinstance(database, Sqlite):
        with pages.failing():
            connection = database.connect()
            faults = pages.faults(connection)
            connection.close()
        found = "SQLite has read every page"
    else:
        health = database.health()
        faults = health.faults + ([] if health.durable else ["what is answered may be lost with the power"])
        found = health.told
    heard("database", 1, 1)
    return Finding(name="database", found=found, faults=faults)


def _tables(database: Database) -> Finding:
    with database.reading() as connection:
        found = shape_of(connection)
    wanted = todays()
    return Finding(name="tables", found=f"{len(wanted)} tables are asked for", faults=differences(found, wanted))


def _files(database: Database, place: Place, heard: Heard) -> Iterator[Finding]:
    with database.reading() as connection:
        needed = named(connection.exec_driver_sql, schema.HEAD)
    with tempfile.TemporaryDirectory() as folder:
        found, missing = gather(needed, _confirming(place, Path(folder)), heard)
    known = found.keys() | missing.keys()
    faults = [f"{need.by}: the file {name[:12]}… is missing or damaged" for name, need in missing.items() if need.must]
    broken = sum(not need.must for need in missing.values())
    besides = f", {broken} of broken versions are not there" if broken else ""
    yield Finding(name="files", found=f"{len(found):,} files have their hash{besides}", faults=sorted(faults))
    others = sum(name not in known for name in place.artifacts().names())
    drafts = sum(1 for _ in (place.home / "artifacts").glob(DRAFTS))
    yield Finding(
        name="others", found=f"{others:,} files that no row names, {drafts:,} that were not written to their end"
    )


def _confirming(place: Place, folder: Path) -> Fetch:
    """Confirms a file's hash where it is; one in a bucket is fetched for that, and kept until the next."""
    if not place.remote:
        return place.artifacts().confirmed
    fetched = artifacts_at(place.told, folder)

    def fetch(name: str) -> Path:
        for before in folder.glob("artifacts/*/*"):
            before.unlink()
        return fetched.confirmed(name)

    return fetch
