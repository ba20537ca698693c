"""The trained tiny application with a home of the test's own, and its versions loaded once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app import Assay
from assay.serving.loaded import LoadedVersion
from tests import tiny


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home") as opened:
        yield opened


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedVersion]:
    with tiny.opened(tmp_path_factory.mktemp("linear") / "home") as opened:
        yield opened.loader.load(opened.versions.find("stone", tiny.LINEAR))
