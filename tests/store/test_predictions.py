"""The record of predictions is paged, filtered and found by id."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from assay.store import predictions
from assay.store.database import Database
from assay.store.paging import Window
from assay.store.predictions import Predictions
from assay.store.recorder import Entry, Recorder
from tests import rows


@pytest.fixture
def recorded(database: Database) -> Predictions:
    recorder = Recorder(database)
    told: list[dict[str, Any]] = [
        {"version": 1},
        {"version": 2, "exchange": "e" * 32},
        {"model": "other"},
        {"role": "shadow"},
    ]
    recorder.record([Entry(None, [rows.prediction_values(id=f"{i:032x}", **one) for i, one in enumerate(told)])])
    recorder.close()
    return Predictions(database)


@pytest.mark.parametrize(
    ("told", "found"),
    [({}, [3, 2, 1, 0]), ({"model": "stone"}, [3, 1, 0]), ({"version": 2}, [1]), ({"role": "shadow"}, [3]),
     ({"exchange": "e" * 32}, [1]), ({"model": "other", "version": 2}, [])],
)  # fmt: skip
def test_filters_hold_together_and_the_newest_comes_first(
    recorded: Predictions, told: dict[str, object], found: list[int]
) -> None:
    page = recorded.page(Window(), **told)  # type: ignore[arg-type]  # filters of several types
    assert [int(one.id, 16) for one in page.entries] == found


def test_question_and_answer_come_back_as_the_json_that_they_were(recorded: Predictions) -> None:
    found = recorded.find(f"{1:032x}")
    assert found is not None
    assert (bytes(found.question), bytes(found.answer), found.value) == (b'{"carat":1}', b"2.5", 2.5)
    assert b'"question":{"carat":1},"answer":2.5' in msgspec.json.encode(found)
    assert recorded.find("f" * 32) is None


def test_the_columns_are_those_of_the_noun(recorded: Predictions) -> None:
    (found, *_) = recorded.page(Window(limit=1)).entries
    assert found.__struct_fields__ == predictions.COLUMNS
