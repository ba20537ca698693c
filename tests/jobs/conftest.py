"""A store of the test's own, with a table for what chores answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.store.databases.sqlite import Sqlite
from tests import chores


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def database(home: Path) -> Iterator[Sqlite]:
    made = chores.store(home)
    assert isinstance(made, Sqlite)
    yield made
    made.close()
