"""A fresh store with its collections."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.store import schema
from assay.store.artifacts import Artifacts
from assay.store.database import Database
from assay.store.rollouts import Rollouts
from assay.store.versions import Versions


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "assay.db")
    schema.upgrade(made)
    yield made
    made.close()


@pytest.fixture
def versions(database: Database) -> Versions:
    return Versions(database)


@pytest.fixture
def rollouts(database: Database) -> Rollouts:
    return Rollouts(database)


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")
