"""The record of exchanges is paged, filtered and found by id and key."""

from __future__ import annotations

import pytest

from assay.store import exchanges
from assay.store.database import Database
from assay.store.exchanges import Exchanges
from assay.store.paging import Window
from assay.store.recorder import Entry, Recorder
from tests import rows


@pytest.fixture
def recorded(database: Database) -> Exchanges:
    recorder = Recorder(database)
    told = [
        {"path": "/a", "status": 200, "method": "GET", "at": 10}, {"path": "/a/b", "status": 422, "at": 20},
        {"path": "/a", "status": 500, "at": 30, "idempotency_key": "POST /a k"},
    ]  # fmt: skip
    recorder.record([Entry(rows.exchange_values(id=f"{i:032x}", **one), []) for i, one in enumerate(told)])
    recorder.close()
    return Exchanges(database)


def ids(collection: Exchanges, **told: object) -> list[int]:
    return [int(one.id, 16) for one in collection.page(Window(), **told).entries]  # type: ignore[arg-type]  # filters of several types


def test_the_newest_comes_first_and_failures_are_recorded_too(recorded: Exchanges) -> None:
    assert ids(recorded) == [2, 1, 0]


@pytest.mark.parametrize(
    ("told", "found"),
    [({"path": "/a"}, [2, 0]), ({"path": "/A"}, []), ({"status": 422}, [1]), ({"method": "GET"}, [0]),
     ({"path": "/a", "method": "POST"}, [2]), ({"path": "%"}, [])],
)  # fmt: skip
def test_filters_match_as_a_whole_and_together(recorded: Exchanges, told: dict[str, object], found: list[int]) -> None:
    assert ids(recorded, **told) == found


def test_an_exchange_is_found_by_its_id_and_by_its_key(recorded: Exchanges) -> None:
    found = recorded.by_idempotency_key("POST /a k")
    assert found is not None
    assert found.status == 500
    assert recorded.find(found.id) == found
    assert recorded.find("f" * 32) is None
    assert recorded.by_idempotency_key("POST /a other") is None


def test_exchanges_are_counted(recorded: Exchanges, database: Database) -> None:
    with database.reading() as connection:
        assert exchanges.count(connection) == 3


def test_the_columns_are_those_of_the_noun(recorded: Exchanges) -> None:
    (found, *_) = recorded.page(Window(limit=1)).entries
    assert found.__struct_fields__ == exchanges.COLUMNS
