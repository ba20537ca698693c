"""A fresh database, brought to today's schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.store import schema
from assay.store.databases.sqlite import Sqlite


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Sqlite]:
    made = Sqlite(tmp_path / "assay.db")
    schema.upgrade(made)
    yield made
    made.close()
