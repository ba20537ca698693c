"""Group commit: what is done is durable, and one bad entry never fails its neighbours."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from assay.clock import new_id
from assay.errors import AlreadyAnswered, StoreUnavailable, Unstorable
from assay.store.database import Database
from assay.store.databases import open_database
from assay.store.databases.sqlite import Sqlite
from assay.store.paging import Window
from assay.store.record.exchanges import Exchanges, exchanges
from assay.store.record.predictions import Predictions, predictions
from assay.store.record.recorder import Entry, Recorder
from tests import rows


@pytest.fixture
def recorder(database: Database) -> Iterator[Recorder]:
    made = Recorder(database)
    yield made
    made.close()


def good(count: int = 1) -> Entry:
    """An entry with an exchange and as many predictions."""
    exchange = new_id()
    return Entry(
        rows.exchange_values(id=exchange), [rows.prediction_values(exchange=exchange, position=i) for i in range(count)]
    )


def unstorable() -> Entry:
    return Entry(rows.exchange_values(), [rows.prediction_values(position=2**70)])


def kept(database: Database, entry: Entry) -> tuple[bool, int]:
    """Whether the entry's exchange is there, and how many of its predictions."""
    assert entry.exchange is not None
    given = [row[0] for row in entry.predictions]
    with database.reading() as connection:
        asked = connection.execute(select(exchanges.c.id).where(exchanges.c.id == entry.exchange[0])).all()
        found = connection.execute(select(predictions.c.id).where(predictions.c.id.in_(given))).all()
    return bool(asked), len(found)


def test_an_entry_is_there_for_everybody_once_it_is_done(where: Path | str, recorder: Recorder) -> None:
    entry = good(3)
    recorder.record([entry])
    assert entry.done
    assert entry.error is None
    other = open_database(where)
    assert kept(other, entry) == (True, 3)
    other.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 300), max_size=8))
def test_groups_of_any_size_are_written_whole(database: Database, counts: list[int]) -> None:
    recorder = Recorder(database)
    entries = [good(count) for count in counts]
    recorder.record(entries)
    assert [kept(database, entry) for entry in entries] == [(True, count) for count in counts]
    recorder.close()


def test_entries_of_many_threads_are_all_done_and_bad_ones_fail_alone(database: Database, recorder: Recorder) -> None:
    entries: list[list[Entry]] = [[] for _ in range(8)]

    def work(mine: list[Entry], seed: int) -> None:
        for turn in range(40):
            entry = unstorable() if (turn + seed) % 7 == 0 else good(turn % 4)
            recorder.record([entry])
            assert entry.done
            mine.append(entry)

    threads = [threading.Thread(target=work, args=(mine, seed)) for seed, mine in enumerate(entries)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [entry for mine in entries for entry in mine]
    assert len(every) == 320
    for entry in every:
        bad = any(row[-1] == 2**70 for row in entry.predictions)
        assert isinstance(entry.error, Unstorable) == bad
        assert kept(database, entry) == ((False, 0) if bad else (True, len(entry.predictions)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_in_one_group_every_good_entry_is_kept_and_every_bad_one_refused(
    database: Database, pattern: list[bool]
) -> None:
    recorder = Recorder(database)
    entries = [good() if well else unstorable() for well in pattern]
    recorder.record(entries)
    assert [entry.error is None for entry in entries] == pattern
    assert [kept(database, entry) for entry in entries] == [(True, 1) if well else (False, 0) for well in pattern]
    recorder.close()


def test_a_character_that_no_database_keeps_is_another_in_both(database: Database, recorder: Recorder) -> None:
    entries = [
        Entry(rows.exchange_values(path="/a\x00b"), []),
        Entry(rows.exchange_values(path="/c\x00", idempotency_key="POST /c\x00 k"), []),
    ]
    recorder.record(entries)
    assert [entry.error for entry in entries] == [None, None]
    record = Exchanges(database)
    assert [one.path for one in record.page(Window()).entries] == ["/c\ufffd", "/a\ufffdb"]
    assert [one.path for one in record.page(Window(), path="/a\x00b").entries] == ["/a\ufffdb"]
    found = record.by_idempotency_key("POST /c\x00 k")
    assert found is not None
    assert found.path == "/c\ufffd"


@pytest.mark.parametrize(
    "wrong", [{"path": "\ud800"}, {"status": 2**64}, {"id": None}, {"status": object()}, {"request": None}]
)
def test_whatever_cannot_be_stored_is_refused_and_nothing_of_it_kept(
    database: Database, recorder: Recorder, wrong: dict[str, Any]
) -> None:
    bad, well = Entry(rows.exchange_values(**wrong), [rows.prediction_values()]), good()
    recorder.record([bad, well])
    assert isinstance(bad.error, Unstorable)
    assert well.error is None
    assert Predictions(database).find(bad.predictions[0][0]) is None


def test_a_key_that_was_used_is_told_from_a_record_that_cannot_be_stored(
    database: Database, recorder: Recorder
) -> None:
    first, second = (Entry(rows.exchange_values(idempotency_key="k"), [rows.prediction_values()]) for _ in range(2))
    recorder.record([first, second, third := good()])
    assert (first.error, third.error) == (None, None)
    assert isinstance(second.error, AlreadyAnswered)
    assert Predictions(database).find(second.predictions[0][0]) is None
    found = Exchanges(database).by_idempotency_key("k")
    assert found is not None
    assert first.exchange is not None
    assert found.id == first.exchange[0]


def test_predictions_can_be_kept_without_an_exchange(database: Database, recorder: Recorder) -> None:
    recorder.record([Entry(None, [rows.prediction_values()])])
    assert Exchanges(database).page(Window()).entries == []
    assert len(Predictions(database).page(Window()).entries) == 1


def test_nothing_to_record_is_recorded_at_once(recorder: Recorder) -> None:
    recorder.record([])


def test_a_store_that_fails_fails_every_entry_and_works_again_when_it_is_back(tmp_path: Path, sqlite: Sqlite) -> None:
    recorder = Recorder(sqlite)
    away = tmp_path / "away.db"
    sqlite.engine.dispose()
    sqlite.path.rename(away)
    for left in tmp_path.glob("assay.db-*"):
        left.unlink()
    sqlite.path.mkdir()
    entries = [good(), good()]
    recorder.record(entries)
    assert all(isinstance(entry.error, StoreUnavailable) for entry in entries)
    sqlite.path.rmdir()
    away.rename(sqlite.path)
    recorder.record([again := good()])
    assert again.error is None
    assert kept(sqlite, again) == (True, 1)


def test_a_lock_that_fails_is_a_failing_store_too(tmp_path: Path) -> None:
    database = Sqlite(tmp_path / "other.db")
    os.close(database._lock_file)
    recorder = Recorder(database)
    entry = good()
    try:
        recorder.record([entry])
    finally:
        database._lock_file = -1
        database.close()
    assert entry.done
    assert isinstance(entry.error, StoreUnavailable)


def test_after_closing_it_can_be_used_again(database: Database, recorder: Recorder) -> None:
    recorder.record([good()])
    recorder.close()
    recorder.close()
    recorder.record([entry := good()])
    assert kept(database, entry) == (True, 1)
    recorder.close()


def test_nothing_is_durable_in_a_log_file_that_was_deleted(sqlite: Sqlite) -> None:
    recorder = Recorder(sqlite)
    first, second = good(), good()
    recorder.record([first])
    sqlite.path.with_name(sqlite.path.name + "-wal").unlink()
    recorder.record([second])
    assert first.error is None
    assert isinstance(second.error, StoreUnavailable)
    recorder.close()
