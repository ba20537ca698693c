"""Whoever listens hears what was committed anywhere, also after its connection was lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from assay.store.databases import listening
from assay.store.databases.listening import Listener
from assay.store.databases.postgresql import CHANNEL, Postgresql
from tests.postgres import Cluster


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Queue[str]:
    """What was heard; the listener looks often, so that it ends soon."""
    monkeypatch.setattr(listening, "LOOK_S", 0.2)
    monkeypatch.setattr(listening, "AGAIN_S", 0.1)
    return Queue()


@pytest.fixture
def backends() -> list[int]:
    """The server's processes that have listened, one after the other."""
    return []


@pytest.fixture
def listener(postgresql: Postgresql, heard: Queue[str], backends: list[int]) -> Iterator[Listener]:
    def connect() -> psycopg.Connection[Any]:
        made = postgresql.connect()
        backends.append(made.info.backend_pid)
        return made

    made = Listener(connect, CHANNEL, lambda: heard.put("heard"))
    made.start()
    assert heard.get(timeout=20), "what was told before it listened"
    yield made
    made.stop()
    made.join(20)
    assert not made.is_alive()


def tell(database: Postgresql) -> None:
    with database.writing() as connection:
        database.tell(connection)


def nothing(heard: Queue[str], within_s: float = 1.0) -> None:
    with pytest.raises(Empty):
        heard.get(timeout=within_s)


def eventually(holds: Callable[[], Any]) -> Any:
    until = time.monotonic() + 20
    while not (found := holds()):
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)
    return found


@pytest.mark.usefixtures("listener")
def test_what_is_told_is_heard_once_it_is_committed(postgresql: Postgresql, heard: Queue[str]) -> None:
    with postgresql.writing() as connection:
        postgresql.tell(connection)
        nothing(heard, 0.5)
    assert heard.get(timeout=20)
    for _ in range(3):
        tell(postgresql)
        assert heard.get(timeout=20)


@pytest.mark.usefixtures("listener")
def test_what_was_not_committed_was_not_told(postgresql: Postgresql, heard: Queue[str]) -> None:
    with pytest.raises(RuntimeError), postgresql.writing() as connection:
        postgresql.tell(connection)
        raise RuntimeError
    nothing(heard)


@pytest.mark.usefixtures("listener")
def test_a_connection_that_was_lost_is_made_again_and_nothing_told_meanwhile_is_missed(
    postgresql: Postgresql, heard: Queue[str], postgres: Cluster, backends: list[int]
) -> None:
    with capture_logs() as said:
        for count in (2, 3):
            postgres.tell(f"SELECT pg_terminate_backend({backends[-1]})")
            assert heard.get(timeout=20), "when it listens again it is told that it may have missed something"
            assert len(backends) == count
            tell(postgresql)
            assert heard.get(timeout=20)
    assert [line["event"] for line in said] == ["not_listening", "not_listening_no_more"] * 2


def test_who_was_stopped_hears_no_more_and_gives_its_connection_back(
    postgresql: Postgresql, heard: Queue[str], listener: Listener, postgres: Cluster, backends: list[int]
) -> None:
    listener.stop()
    tell(postgresql)
    nothing(heard)
    listener.join(20)
    assert not listener.is_alive()
    eventually(lambda: not postgres.tell(f"SELECT 1 FROM pg_stat_activity WHERE pid = {backends[-1]}"))


def test_a_database_that_is_away_is_tried_again_until_it_is_there(postgresql: Postgresql, heard: Queue[str]) -> None:
    there = threading.Event()

    def connect() -> psycopg.Connection[Any]:
        if not there.is_set():
            raise psycopg.OperationalError
        return postgresql.connect()

    listener = Listener(connect, CHANNEL, lambda: heard.put("heard"))
    with capture_logs() as said:
        listener.start()
        eventually(lambda: said)
        nothing(heard, 0.5)
        there.set()
        assert heard.get(timeout=20)
        listener.stop()
        listener.join(20)
    assert [line["event"] for line in said] == ["not_listening", "not_listening_no_more"]
