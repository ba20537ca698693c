"""After a failure a request is told at once, and after a rest the store is tried again."""

from __future__ import annotations

import fcntl
import time
from pathlib import Path

import pytest

from assay.errors import StoreUnavailable
from assay.store import schema
from assay.store.databases import sqlite
from assay.store.databases.sqlite import Sqlite
from assay.store.record import resting
from assay.store.record.recorder import Entry
from assay.store.record.resting import RestingRecorder


def row(name: str) -> tuple[object, ...]:
    return (name * 32, 1, "POST", "/somewhere", "", 200, 5, bytearray(b"{}"), bytearray(b"{}"), 2, 2)


def test_who_comes_during_the_rest_does_not_wait_for_the_same_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.5)
    monkeypatch.setattr(resting, "SHORTEST_US", 600_000)
    database = Sqlite(tmp_path / "assay.db")
    schema.upgrade(database)
    recorder = RestingRecorder(database)
    with (tmp_path / "assay.db.lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        took = []
        for name in "ab":
            since, entry = time.monotonic(), Entry(row(name), [])
            recorder.record([entry])
            took.append(time.monotonic() - since)
            assert isinstance(entry.error, StoreUnavailable)
            assert "too long" in str(entry.error)
        assert took[0] > 0.4
        assert "too long" in recorder.trouble
        assert took[1] < 0.4, "it waited for the same failure once more"
    kept = Entry(row("c"), [])
    recorder.record([kept])
    assert kept.error is not None, "it rests still"
    time.sleep(0.7)
    again = Entry(row("d"), [])
    recorder.record([again])
    assert again.error is None
    assert recorder.trouble == ""
    recorder.close()
    database.close()
