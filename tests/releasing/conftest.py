"""A fresh store with its collections, in each kind of database in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.releasing.prepare import Switch
from assay.store.database import Database
from assay.store.databases import open_database
from assay.store.files.artifacts import Artifacts
from assay.store.releases.preparations import Preparations
from assay.store.releases.processes import Processes
from assay.store.releases.rollouts import Rollouts
from assay.store.versions import Versions
from tests import stores
from tests.postgres import Cluster


@pytest.fixture
def database(cluster: Cluster | None, tmp_path: Path) -> Iterator[Database]:
    with stores.kept(cluster, tmp_path) as where:
        made = open_database(where)
        yield made
        made.close()


@pytest.fixture
def versions(database: Database) -> Versions:
    return Versions(database)


@pytest.fixture
def rollouts(database: Database) -> Rollouts:
    return Rollouts(database)


@pytest.fixture
def preparations(database: Database) -> Preparations:
    return Preparations(database)


@pytest.fixture
def processes(database: Database) -> Processes:
    return Processes(database)


@pytest.fixture
def switch(database: Database, preparations: Preparations, processes: Processes) -> Switch:
    return Switch(database, preparations, processes, patience_s=2.0)


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")
