"""A database of PostgreSQL, and a server of one's own for whoever stops it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.store.databases.postgresql import Postgresql
from tests import stores
from tests.postgres import Cluster, PostgresMissing
from tests.store.databases.wire import Wire


@pytest.fixture
def url(postgres: Cluster, tmp_path: Path) -> Iterator[str]:
    with stores.kept(postgres, tmp_path) as where:
        assert isinstance(where, str)
        yield where


@pytest.fixture
def postgresql(url: str) -> Iterator[Postgresql]:
    made = Postgresql(url)
    yield made
    made.close()


@pytest.fixture
def wire(url: str) -> Iterator[Wire]:
    made = Wire(url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    try:
        made = Cluster()
    except PostgresMissing as missing:
        pytest.skip(str(missing))
    yield made
    made.close()
