"""A store of a test's own at today's schema, in either kind of database, as a copy of one that was made once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from assay.store import schema
from assay.store.databases import open_database
from tests.postgres import Cluster


@contextmanager
def kept(cluster: Cluster | None, folder: Path) -> Iterator[Path | str]:
    """Where it is: a database of this server; without one, SQLite's file in the folder."""
    if cluster is None:
        file = folder / "assay.db"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_file())
        yield file
        return
    url = cluster.create(_template(cluster))
    try:
        yield url
    finally:
        cluster.drop(url)


@contextmanager
def away(where: Path | str, cluster: Cluster | None) -> Iterator[None]:
    """For as long as the block lasts nobody can have the store."""
    if isinstance(where, Path):
        hidden = where.rename(where.with_name("hidden"))
        yield
        hidden.rename(where)
        return
    assert cluster is not None
    name = urlsplit(where).path.removeprefix("/")
    cluster.tell(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    cluster.tell(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    yield
    cluster.tell(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@cache
def _template(cluster: Cluster) -> str:
    url = cluster.create()
    _upgrade(url)
    return url


@cache
def _file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "assay.db"
        _upgrade(file)
        return file.read_bytes()


def _upgrade(where: Path | str) -> None:
    made = open_database(where)
    try:
        schema.upgrade(made)
    finally:
        made.close()
