"""Which database belongs to a home folder: a file beside the home says so, to tests and to every program that they start."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.postgres import Cluster, copy_of_database, drop_database


def prepared(home: Path, cluster: Cluster | None) -> Path:
    """The home, whose store is from now on a database of its own of this server; without one, SQLite's file in it."""
    if cluster is not None:
        _belong(home, cluster.create())
    return home


def copied(home: Path, place: Path) -> Path:
    """A copy of the folder and of the database that belongs to it, to which nobody may be connected."""
    shutil.copytree(home, place)
    url = url_of(home)
    if url is not None:
        _belong(place, copy_of_database(url))
    return place


def forgotten(home: Path) -> None:
    """Removes the database that belongs to a home."""
    url = url_of(home)
    if url is not None:
        drop_database(url)


def url_of(home: Path) -> str | None:
    """The address of the home's database; None where it is SQLite's file."""
    told = _beside(home)
    return told.read_text() if told.exists() else None


def where(home: Path) -> Path | str:
    """What the store is opened by."""
    return url_of(home) or home / "assay.db"


def settings_of(home: Path) -> dict[str, Any]:
    """The settings by which an application finds the home and its database."""
    url = url_of(home)
    return {"home": home} | ({"database_url": url} if url is not None else {})


def environment_of(home: Path) -> dict[str, str]:
    """The variable by which a program finds the home's database."""
    url = url_of(home)
    return {"ASSAY_DATABASE_URL": url} if url is not None else {}


@contextmanager
def locked(home: Path, *tables: str) -> Iterator[None]:
    """Nobody can write to these tables of a home in PostgreSQL, and everybody can read them."""
    import psycopg

    url = url_of(home)
    assert url is not None, "the home's store is in SQLite"
    with psycopg.connect(url) as connection:
        connection.execute(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE".encode())
        yield
        connection.rollback()


def _beside(home: Path) -> Path:
    return home.with_name(f"{home.name}.database")


def _belong(home: Path, url: str) -> None:
    _beside(home).write_text(url)
