"""The record of predictions is paged, filtered and found by id."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from assay.store.database import Database
from assay.store.paging import Window
from assay.store.record import predictions
from assay.store.record.predictions import BATCH, Predictions, first_id
from assay.store.record.recorder import Entry, Recorder
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


AT = 1_700_000_000_000_000  # microseconds


def keep(database: Database, *told: dict[str, Any]) -> list[str]:
    """Predictions a millisecond apart, at consecutive times from AT on; their ids."""
    recorder = Recorder(database)
    values = [
        rows.prediction_values(id=f"{(AT // 1000 + i):012x}7{i:019x}", at=AT + 1000 * i, **one)
        for i, one in enumerate(told)
    ]
    for begin in range(0, len(values), 5_000):
        recorder.record([Entry(None, values[begin : begin + 5_000])])
    recorder.close()
    return [value[0] for value in values]


def test_ids_of_a_time_begin_where_its_first_id_says(database: Database) -> None:
    (one,) = keep(database, {})
    assert first_id(AT) <= one < first_id(AT + 1000)
    assert first_id(AT - 1) < first_id(AT)
    assert len(first_id(0)) == len(one) == 32


def test_the_newest_different_questions_of_a_model_are_found(database: Database) -> None:
    told = [{"question": f'{{"carat":{i % 7}}}'} for i in range(40)]
    ids = keep(
        database, *told, {"model": "other", "question": '{"carat":8}'}, {"role": "shadow", "question": '{"carat":9}'}
    )
    found = Predictions(database).newest_questions("stone", 5)
    assert [one.id for one in found] == ids[35:40][::-1]
    assert len({bytes(one.question) for one in Predictions(database).newest_questions("stone", 50)}) == 7
    assert Predictions(database).newest_questions("stone", 0) == []


def test_answers_between_two_times_are_found(database: Database) -> None:
    ids = keep(
        database, *({"version": 1 + i // 5, "value": float(i), "took_us": i} for i in range(10)), {"model": "other"}
    )
    found = Predictions(database).given("stone", since=AT + 3_000, until=AT + 8_000, limit=100)
    assert [(one.value, one.version, one.took_us) for one in found] == [
        (7.0, 2, 7), (6.0, 2, 6), (5.0, 2, 5), (4.0, 1, 4), (3.0, 1, 3),
    ]  # fmt: skip
    assert [one.value for one in Predictions(database).given("stone", since=0, until=AT + 8_000, limit=2)] == [7.0, 6.0]
    assert len(ids) == 11


def test_questions_are_read_on_from_an_id_and_counted(database: Database) -> None:
    ids = keep(database, *({"question": f"{i}"} for i in range(10)), {"model": "other"})
    collection = Predictions(database)
    assert [one.question for one in collection.asked("stone", after=ids[3], limit=3)] == ["4", "5", "6"]
    assert collection.asked("stone", after=ids[9], limit=3) == []
    assert (collection.count("stone", after=first_id(0)), collection.count("stone", after=ids[3])) == (10, 6)


def test_what_is_seldom_is_found_however_much_came_since(database: Database) -> None:
    (rare, *_) = keep(database, {"model": "rare"}, *({"model": "stone"} for _ in range(2 * BATCH)))
    collection = Predictions(database)
    assert [one.id for one in collection.newest_questions("rare", 1)] == [rare]
    assert [one.version for one in collection.given("rare", since=0, until=AT * 2, limit=1)] == [1]
    assert [one.id for one in collection.page(Window(), model="rare").entries] == [rare]
    assert [one.id for one in collection.asked("rare", after="", limit=1)] == [rare]
    assert collection.count("rare", after=first_id(0)) == 1


def test_of_equal_questions_only_so_many_are_looked_at(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "LOOK_BACK", BATCH)
    keep(database, {"question": "1"}, *({"question": "2"} for _ in range(BATCH)))
    assert [bytes(one.question) for one in Predictions(database).newest_questions("stone", 2)] == [b"2"]
