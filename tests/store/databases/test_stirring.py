"""Whoever waits for tasks in SQLite hears of them soon, and of nothing else, and again once the store is back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from assay.store.databases import library, stirring
from assay.store.databases.sqlite import SOMETHING, Sqlite
from assay.store.databases.stirring import Stirring
from assay.store.record.recorder import Entry, Recorder
from tests import rows
from tests.asked import queued


class Ear:
    """Counts how often something was heard."""

    def __init__(self) -> None:
        self.heard = threading.Event()
        self.times = 0

    def __call__(self) -> None:
        self.times += 1
        self.heard.set()


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def listening(sqlite: Sqlite, ear: Ear) -> Iterator[Stirring]:
    made = Stirring(sqlite.connect, ear, SOMETHING["queued"])
    made.start()
    time.sleep(0.1)
    yield made
    made.stop()
    made.join(5)
    assert not made.is_alive()


@pytest.mark.usefixtures("listening")
def test_a_task_is_heard_of_soon(sqlite: Sqlite, ear: Ear) -> None:
    assert ear.times == 0, "nothing waits yet"
    began = time.monotonic()
    queued(sqlite)
    assert ear.heard.wait(5)
    assert time.monotonic() - began < 2.0


@pytest.mark.usefixtures("listening")
def test_of_other_commits_nothing_is_heard(sqlite: Sqlite, ear: Ear) -> None:
    recorder = Recorder(sqlite)
    for _ in range(5):
        recorder.record([Entry(rows.exchange_values(), [])])
        time.sleep(0.02)
    recorder.close()
    assert ear.times == 0


def test_what_waited_before_is_heard_of_at_once(sqlite: Sqlite, ear: Ear) -> None:
    queued(sqlite)
    made = Stirring(sqlite.connect, ear, SOMETHING["queued"])
    made.start()
    assert ear.heard.wait(5)
    made.stop()


def test_a_connection_that_fails_is_made_again(sqlite: Sqlite, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stirring, "AGAIN_S", 0.01)
    tried: list[Any] = []

    def connect() -> Any:
        tried.append(None)
        if len(tried) < 3:
            raise library.sqlite.OperationalError("not now")
        return sqlite.connect()

    made = Stirring(connect, ear)
    made.start()
    assert ear.heard.wait(5)
    assert len(tried) == 3
    made.stop()
