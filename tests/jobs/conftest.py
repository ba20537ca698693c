"""A store of the test's own, in each kind of database in turn, with a table for what chores answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from assay.store.database import Database
from tests import chores, homes, stores
from tests.postgres import Cluster


@pytest.fixture
def home(cluster: Cluster | None, tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "home"
    with stores.kept(cluster, made) as where:
        if isinstance(where, str):
            homes._belong(made, where)
        yield made


@pytest.fixture
def database(home: Path) -> Iterator[Database]:
    made = chores.store(home)
    yield made
    made.close()


@pytest.fixture
def away(home: Path, cluster: Cluster | None, database: Database) -> Callable[[], AbstractContextManager[None]]:
    """While its block lasts the store cannot be had."""
    return lambda: stores.away(homes.where(home), cluster)
