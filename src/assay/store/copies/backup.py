"""A backup of a store that is in use: everything that was acknowledged before it began, as a home that can be opened."""

from __future__ import annotations

from collections.abc import Set
from importlib.metadata import version
from pathlib import Path

import msgspec

from assay.clock import iso, now_us
from assay.errors import StoreUnavailable
from assay.store import schema
from assay.store.copies import notice, pages
from assay.store.copies.draft import drafted, sync
from assay.store.copies.named import Need, Place, fetching, gather, named
from assay.store.copies.notice import DATABASE, Heard, Notice
from assay.store.database import Database
from assay.store.databases.sqlite import Sqlite

ATTEMPTS = 3


def back_up(database: Database, place: Place, folder: Path, heard: Heard) -> Notice:
    """Writes the backup; raises NotEmpty, SchemaTooNew, StoreDamaged or StoreUnavailable, and then there is none.

    Files that the store itself lacks do not keep the rest from being saved: the notice names them.
    """
    with database.reading() as connection:
        known = schema.current(connection)
    schema.refuse_newer(known)
    if known is None:
        raise StoreUnavailable("There is nothing to back up: the store is empty.")
    with drafted(folder) as draft:
        made = _copied(database, place, draft, heard)
        for file in (draft / DATABASE, notice.write(draft, made)):
            sync(file)
    return made


def _copied(database: Database, place: Place, draft: Path, heard: Heard) -> Notice:
    """A dataset or an item that is deleted takes its files with it: a copy whose rows still name them is made once more."""
    file, fetch = draft / DATABASE, fetching(place, draft)
    for _ in range(ATTEMPTS):
        file.unlink(missing_ok=True)
        made, needed = _copy_database(database, file, heard)
        found, missing = gather(needed, fetch, heard)
        if _let_go(database, made.schema, missing.keys() & needed.keys()):
            continue
        again, missing = gather(missing, fetch, heard)  # one that was deleted, and then sent once more
        kept = set(found.values()) | set(again.values())
        for other in set((draft / "artifacts").glob("*/*")) - kept:
            other.unlink()
        told = {name: need.by for name, need in sorted(missing.items()) if need.must}
        size = sum(one.stat().st_size for one in kept)
        return msgspec.structs.replace(made, files=len(kept), files_bytes=size, missing=told)
    raise StoreUnavailable(
        f"During each of {ATTEMPTS} attempts something was deleted, and its files with it; make the backup again."
    )


def _copy_database(database: Database, file: Path, heard: Heard) -> tuple[Notice, dict[str, Need]]:
    began = iso(now_us())
    if isinstance(database, Sqlite):
        pages.copy_pages(database, file, heard)
    else:
        from assay.store.copies.postgresql import copy_tables  # noqa: PLC0415 - its driver is an optional part

        copy_tables(database, file, heard)
    pages.settle(file)
    heard("check", 0, 1)
    with pages.reading_file(file) as copy:
        pages.confirm_sound(copy)
        revision = pages.revision(copy) or ""
        rows, needed = pages.counts(copy), named(copy.execute, revision)
    heard("check", 1, 1)
    made = Notice(
        began_at=began, assay=version("assay"), source=database.kind, schema=revision, rows=rows,
        database=notice.digest(file), database_bytes=file.stat().st_size,
    )  # fmt: skip
    return made, needed


def _let_go(database: Database, revision: str, missing: Set[str]) -> bool:
    """Whether the store no longer names one of the files that could not be had."""
    with database.reading() as connection:
        return not missing <= named(connection.exec_driver_sql, revision).keys()
