"""A fresh database, brought to today's schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.store import schema
from assay.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "assay.db")
    schema.upgrade(made)
    yield made
    made.close()
