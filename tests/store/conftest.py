"""A fresh database at today's schema: of each kind in turn, or SQLite's file where a test is about that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.store.database import Database
from assay.store.databases import open_database
from assay.store.databases.sqlite import Sqlite
from tests import stores
from tests.postgres import Cluster


@pytest.fixture
def where(cluster: Cluster | None, tmp_path: Path) -> Iterator[Path | str]:
    """What the database is opened by."""
    with stores.kept(cluster, tmp_path) as place:
        yield place


@pytest.fixture
def database(where: Path | str) -> Iterator[Database]:
    made = open_database(where)
    yield made
    made.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Sqlite]:
    with stores.kept(None, tmp_path) as place:
        assert isinstance(place, Path)
        made = Sqlite(place)
        yield made
        made.close()
