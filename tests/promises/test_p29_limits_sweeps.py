"""P29: how much of a sweep is done at once, and how long what fails rests, is counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.app import Assay
from assay.app.items.scoring import VersionRests
from assay.errors import ModelFailed
from assay.serving.engines.compiled import Columns
from assay.store.items.failures import rest_us
from tests import stamped
from tests.app.items.test_scoring import Trial
from tests.promises.limits import limit, tries
from tests.standins import CallEngine


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with stamped.opened(tmp_path / "home") as opened:
        stamped.rule(opened, 1)
        yield opened


@tries("scored-together")
def test_recordings_that_are_asked_in_one_call(assay: Assay) -> None:
    stamped.keep(assay, range(limit("scored-together") + 1), seconds=1)
    asked: list[int] = []

    def answer(columns: Columns) -> Any:
        asked.append(len(columns["audio"]))
        return np.full((len(columns["audio"]), 3), 0.5)

    Trial(assay, CallEngine(answer)).scoring.run()
    assert asked == [limit("scored-together"), 1]


@tries("failures-in-a-row")
@pytest.mark.parametrize("beyond", [0, 1])
def test_items_that_a_model_fails_on_one_after_the_other(assay: Assay, beyond: int) -> None:
    failing = limit("failures-in-a-row") - 1 + beyond
    stamped.keep(assay, range(failing + 1), seconds=1)
    calls = 0

    def answer(columns: Columns) -> Any:
        nonlocal calls
        alone = len(columns["audio"]) == 1
        calls += alone
        if not alone or calls <= failing:
            raise ModelFailed("out of order")
        return np.full((1, 3), 0.5)

    trial = Trial(assay, CallEngine(answer))
    if not beyond:
        trial.scoring.run()
        assert (trial.basket.scored, trial.basket.failed) == (1, failing)
        return
    with pytest.raises(VersionRests):
        trial.scoring.run()
    assert trial.basket.scored == 0


@tries("failure-rest")
def test_how_long_what_fails_rests() -> None:
    rests = [rest_us(attempts, of_model=False) for attempts in range(1, 60)]
    assert max(rests) == limit("failure-rest")
    assert rests == sorted(rests)
