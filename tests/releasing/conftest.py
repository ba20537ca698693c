"""A fresh store with its collections."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.releasing.prepare import Switch
from assay.store import schema
from assay.store.databases.sqlite import Sqlite
from assay.store.files.artifacts import Artifacts
from assay.store.releases.preparations import Preparations
from assay.store.releases.processes import Processes
from assay.store.releases.rollouts import Rollouts
from assay.store.versions import Versions


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Sqlite]:
    made = Sqlite(tmp_path / "assay.db")
    schema.upgrade(made)
    yield made
    made.close()


@pytest.fixture
def versions(database: Sqlite) -> Versions:
    return Versions(database)


@pytest.fixture
def rollouts(database: Sqlite) -> Rollouts:
    return Rollouts(database)


@pytest.fixture
def preparations(database: Sqlite) -> Preparations:
    return Preparations(database)


@pytest.fixture
def processes(database: Sqlite) -> Processes:
    return Processes(database)


@pytest.fixture
def switch(database: Sqlite, preparations: Preparations, processes: Processes) -> Switch:
    return Switch(database, preparations, processes, patience_s=2.0)


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")
