"""Whatever is asked for, the pages hold it once, from the newest to the oldest, however they are read."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from sqlalchemy import event

from assay.store.database import Database
from assay.store.databases.sqlite import Sqlite
from assay.store.paging import Page, Window
from assay.store.record import walking
from assay.store.record.exchanges import Exchanges
from assay.store.record.predictions import Predictions
from assay.store.record.recorder import Entry, Recorder
from tests import rows

AT = 1_700_000_000_000_000  # microseconds
STEP = 20_000_000
MODELS, ROLES, VERSIONS = ("boat", "stone"), ("answer", "shadow"), (1, 2, 10)
LATE = (0, 30_000_000, 59_000_000, -900)  # how much earlier its time is than its id says
Told = dict[str, Any]


def id_at(at: int, number: int) -> str:
    return f"{at // 1000:012x}7{number:019x}"


@pytest.fixture
def kept(database: Database) -> list[Told]:
    """A few hundred predictions, each with an exchange, the oldest first."""
    told: list[Told] = []
    for number, who in enumerate(product(range(8), MODELS, VERSIONS, ROLES)):
        at = AT + number * STEP
        turn, model, version, role = who
        if model == "boat" and turn % 4:
            continue  # is seldom asked
        one = {"model": model, "version": version, "role": role, "at": at - LATE[number % 4]}
        told.append({"id": id_at(at, number), "exchange": id_at(at, 10**6 + number // 3), **one})
    asked = [
        {"id": f"{one['id'][:12]}7{10**9 + place:019x}", "at": one["at"], "path": f"/{one['model']}",
         "method": "GET" if place % 7 else "POST", "status": (200, 200, 404, 422)[place % 4]}
        for place, one in enumerate(told)
    ]  # fmt: skip
    recorder = Recorder(database)
    entries = [Entry(rows.exchange_values(**one), []) for one in asked]
    recorder.record([*entries, Entry(None, [rows.prediction_values(**one) for one in told])])
    recorder.close()
    return told


def visited(page: Callable[..., Page[Any]], window: Told, limit: int, **wanted: Any) -> list[Any]:
    """All entries, page by page."""
    found: list[Any] = []
    cursor = None
    for _ in range(2_000):
        part = page(Window(limit=limit, cursor=cursor, **window), **wanted)
        assert len(part.entries) <= limit
        found += part.entries
        cursor = part.next_cursor
        if cursor is None:
            return found
    raise AssertionError("the pages have no end")


WINDOWS: list[Told] = [
    {}, {"since": AT + 40 * STEP}, {"until": AT + 40 * STEP + 1}, {"since": AT + 10 * STEP, "until": AT + 90 * STEP},
    {"since": AT + 50 * STEP, "until": AT + 51 * STEP}, {"since": AT + 10**6 * STEP}, {"until": 0}, {"since": 0},
]  # fmt: skip
WANTED: list[Told] = [
    {}, {"model": "stone"}, {"model": "boat"}, {"version": 2}, {"version": 3}, {"role": "shadow"}, {"role": "rescore"},
    {"model": "stone", "role": "answer"}, {"model": "boat", "version": 10, "role": "shadow"}, {"model": "", "version": 1},
]  # fmt: skip


def within(one: Any, window: Told) -> bool:
    return bool(window.get("since", 0) <= one.at < window.get("until", 2**60))


@pytest.mark.parametrize("looks", [(500, 20_000), (3, 7)], ids=["long", "short"])
@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_predictions_are_visited_once(
    database: Database, kept: list[Told], wanted: Told, looks: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "LOOKS", looks)
    collection = Predictions(database)
    for window in WINDOWS:
        low, high = window.get("since", 0), window.get("until", 2**60)
        right = [
            one["id"]
            for one in reversed(kept)
            if low <= one["at"] < high and all(one[name] == value for name, value in wanted.items())
        ]
        for limit in (7, 1_000):
            assert [one.id for one in visited(collection.page, window, limit, **wanted)] == right, (window, limit)


@pytest.mark.parametrize("wanted", [{}, {"role": "answer"}, {"version": 10}, {"model": "stone"}], ids=str)
def test_predictions_of_an_exchange_are_visited_once(database: Database, kept: list[Told], wanted: Told) -> None:
    collection = Predictions(database)
    exchange = kept[30]["exchange"]
    right = [
        one["id"]
        for one in reversed(kept)
        if one["exchange"] == exchange and all(one[name] == value for name, value in wanted.items())
    ]
    assert [one.id for one in visited(collection.page, {}, 1, exchange=exchange, **wanted)] == right


@pytest.mark.parametrize("looks", [(500, 20_000), (3, 7)], ids=["long", "short"])
@pytest.mark.parametrize(
    "wanted",
    [{}, {"path": "/boat"}, {"status": 200}, {"status": 404}, {"status": 404, "path": "/boat"}, {"status": 500},
     {"method": "POST", "status": 422}, {"path": "/nowhere"}],
    ids=str,
)  # fmt: skip
@pytest.mark.usefixtures("kept")
def test_exchanges_are_visited_once(
    database: Database, wanted: Told, looks: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "LOOKS", looks)
    collection = Exchanges(database)
    every = collection.page(Window(limit=1_000)).entries
    for window in WINDOWS:
        right = [
            one.id
            for one in every
            if within(one, window) and all(getattr(one, name) == value for name, value in wanted.items())
        ]
        for limit in (7, 1_000):
            assert [one.id for one in visited(collection.page, window, limit, **wanted)] == right, (window, limit)


def test_a_look_goes_through_so_many_entries_and_leads_on(
    database: Database, kept: list[Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "LOOKS", (2, 10))
    page = Exchanges(database).page(Window(limit=5), path="/nowhere")
    assert page.entries == []
    assert page.next_cursor is not None
    assert len(kept) > 10


def test_no_filter_reads_the_whole_table_or_sorts_it(sqlite: Sqlite) -> None:
    """Of SQLite, which says what it will do without looking at how many rows there are."""
    said: list[str] = []

    @event.listens_for(sqlite.engine, "before_cursor_execute")
    def explain(_connection: Any, cursor: Any, statement: str, told: Any, *_more: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", told)
            said.extend(f"{row[3]}  <-  {statement}" for row in cursor.fetchall())

    recorder = Recorder(sqlite)
    recorder.record([Entry(rows.exchange_values(status=404), [rows.prediction_values(exchange="e" * 32)])])
    recorder.close()
    for wanted in (
        *WANTED,
        {"exchange": "e" * 32},
        {"exchange": "e" * 32, "model": "stone", "version": 1, "role": "answer"},
    ):
        for window in WINDOWS:
            Predictions(sqlite).page(Window(**window), **wanted)
    for wanted in ({"path": "/x"}, {"method": "POST"}, {"status": 200}, {"status": 404}):
        Exchanges(sqlite).page(Window(), **wanted)
    Predictions(sqlite).asked("stone", after="", limit=10)
    Predictions(sqlite).newest_questions("stone", 10)
    Predictions(sqlite).given("stone", since=0, until=AT, limit=10)
    bounded = ("(entries)", "anon_", "known", "exchange =", "sqlite_master", "LIST SUBQUERY")
    scans = [one for one in said if one.startswith("SCAN ") and " USING " not in one.split("  <-")[0]]
    assert [one for one in scans if not any(word in one for word in bounded)] == []
    sorts = [one for one in said if "TEMP B-TREE" in one and not any(word in one for word in bounded)]
    assert sorts == []
    assert len(said) > 100
