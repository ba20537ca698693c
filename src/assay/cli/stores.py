"""The store that a command works on, without its application: where it is, opened as it is, and given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from assay.cli.options import Asked
from assay.errors import StoreUnavailable
from assay.settings import Settings, settings_for
from assay.sources.application import Application
from assay.store.copies.named import Place
from assay.store.database import Database
from assay.store.databases import open_database


def told(asked: Asked) -> tuple[Settings, Place]:
    """The settings that hold for the application, and where its store keeps files; raises ApplicationInvalid."""
    folder = Application.at(asked.app).folder
    settings = settings_for(folder, **asked.told)
    return settings, Place(settings.home or folder / ".assay", settings.artifacts)


@contextmanager
def stored(asked: Asked) -> Iterator[tuple[Database, Place]]:
    """The store as it is found, of whatever schema; raises ApplicationInvalid, or StoreUnavailable where there is none."""
    settings, place = told(asked)
    file = place.home / "assay.db"
    if not settings.database_url and not file.exists():
        raise StoreUnavailable(f"There is no store in {place.home}: `assay train APP` begins one.")
    database = open_database(settings.database_url or file, durable="no-sync" not in settings.unsafe)
    try:
        yield database, place
    finally:
        database.close()
