"""A server whose tasks are done by a predictor in a thread of this process, and one whose tasks nobody does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.app.tasks.scoring import Scoring
from assay.domain.given.task import PREDICT
from assay.jobs.batches import Batches
from tests.web.running import Running, serving


@contextmanager
def predicting(assay: Assay) -> Iterator[None]:
    """Tasks are done for as long as the block lasts."""
    scoring = Scoring(assay)
    batches = Batches(assay.claiming, {PREDICT: scoring.do}, lambda heard: assay.database.listen(heard, "queued"))
    thread = threading.Thread(target=batches.run)
    thread.start()
    try:
        yield
    finally:
        batches.stop()
        thread.join(30)
        scoring.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests of a module, whose tasks are done."""
    told: dict[str, Any] = {"webhook_secret": "a secret of some length"}
    with serving(tmp_path_factory.mktemp("tasked") / "home", **told) as running, predicting(running.assay):
        yield running


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Running]:
    """A server of the test's own, whose tasks nobody does; few may wait."""
    with serving(tmp_path / "home", max_queued_tasks=3) as running:
        yield running
