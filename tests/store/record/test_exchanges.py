"""The record of exchanges is paged, filtered and found by id and key."""

from __future__ import annotations

import pytest

from assay.store.database import Database
from assay.store.paging import Window
from assay.store.record import exchanges
from assay.store.record.exchanges import Exchanges
from assay.store.record.recorder import Entry, Recorder
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


def test_statuses_of_a_models_addresses_between_two_times_are_found(database: Database) -> None:
    at = 1_700_000_000_000_000
    told = [
        ("POST", "/v1/models/stone/predict", 200), ("POST", "/v1/models/stone/explain", 500),
        ("GET", "/v1/models/stone/versions", 503), ("POST", "/v1/models/stone_2/predict", 501), ("POST", "/price", 502),
        ("GET", "/price", 504), ("POST", "/prices", 505), ("POST", "/v1/models/stone/predict", 422),
    ]  # fmt: skip
    recorder = Recorder(database)
    values = [
        rows.exchange_values(id=f"{at // 1000 + i:012x}{i:020x}", at=at, method=method, path=path, status=status)
        for i, (method, path, status) in enumerate(told)
    ]
    recorder.record([Entry(value, []) for value in values])
    recorder.close()
    collection = Exchanges(database)
    prefix, whole = "/v1/models/stone/", {"since": 0, "until": 2 * at}
    assert collection.paths([values[4][0], values[5][0], "f" * 32]) == {"/price"}
    assert collection.statuses(prefix, set(), **whole, limit=10) == [422, 500, 200]
    assert collection.statuses(prefix, {"/price"}, **whole, limit=10) == [422, 504, 502, 500, 200]
    assert collection.statuses(prefix, {"/price"}, **whole, limit=2) == [422, 504]
    assert collection.statuses(prefix, {"/price"}, since=at + 1_000, until=at + 5_000, limit=10) == [502, 500]
    assert collection.statuses("/v1/models/stone_/", set(), **whole, limit=10) == []
