"""SQLite's log is moved beside the commits and stays short, whatever happens meanwhile; PostgreSQL is left alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from assay.clock import new_ids
from assay.errors import StoreUnavailable
from assay.store.database import Database, Writer
from assay.store.databases import checkpointing, inserting, library
from assay.store.databases.checkpointing import Checkpointer, checkpoint
from assay.store.databases.sqlite import Sqlite
from tests import rows

LONG = "x" * 200_000


def write(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS notes (told TEXT)"))
        connection.execute(text("INSERT INTO notes VALUES (:told)"), {"told": LONG})


def test_the_log_begins_anew_once_it_was_moved(sqlite: Sqlite) -> None:
    log = sqlite.path.with_name(sqlite.path.name + "-wal")
    for _ in range(5):
        write(sqlite)
    grown = log.stat().st_size
    assert grown > 5 * len(LONG)
    for _ in range(20):
        checkpoint(sqlite)
        write(sqlite)
    assert log.stat().st_size < grown + 5 * len(LONG)


def test_either_database_takes_it(database: Database) -> None:
    write(database)
    checkpoint(database)
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM notes")).scalar_one() == 1


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """All numbers so small that a test reaches them."""
    if not checkpointing.beside_commits():
        pytest.skip(f"SQLite {library.library()} must not be moved beside commits")
    small: dict[str, float] = {"PAGES": 50, "LONG_PAGES": 500, "MOST_PAGES": 10**6, "PAUSE_S": 0.001, "AGAIN_S": 0.05}
    for name, value in small.items():
        monkeypatch.setattr(checkpointing, name, value)
    monkeypatch.setattr(inserting, "LOOK_ROWS", 10)


@pytest.fixture
def writer(sqlite: Sqlite) -> Iterator[Writer]:
    made = sqlite.writer()
    yield made
    made.forget()


def log_of(sqlite: Sqlite) -> tuple[int, int]:
    """Pages in the log, and how many of them are in their place too."""
    with closing(sqlite.connect()) as raw:
        _, pages, moved = raw.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()
    return pages, moved


def record(writer: Writer, commits: int, pause_s: float = 0.0) -> None:
    for _ in range(commits):
        writer.write([], [rows.prediction_values(id=id, position=place) for place, id in enumerate(new_ids(40))])
        time.sleep(pause_s)


def until(true: Callable[[], bool]) -> bool:
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        if true():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.usefixtures("soon")
def test_a_log_that_is_written_on_and_on_begins_anew(sqlite: Sqlite, writer: Writer) -> None:
    seen = []
    for _ in range(150):
        record(writer, 4, pause_s=0.001)
        seen.append(log_of(sqlite)[0])
    anew = sum(later < before for before, later in pairwise(seen))
    assert anew >= 2
    assert max(seen) < 1500


@pytest.mark.usefixtures("soon")
def test_without_it_the_log_would_only_grow(sqlite: Sqlite, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Checkpointer, "written", lambda _self: None)
    record(writer, 300)
    assert log_of(sqlite)[0] > 1500
    assert log_of(sqlite)[1] == 0


@pytest.mark.usefixtures("soon")
def test_who_reads_for_long_fails_nobody_and_once_he_is_done_the_log_begins_anew(
    sqlite: Sqlite, writer: Writer
) -> None:
    with sqlite.reading() as reader:
        reader.execute(text("SELECT count(*) FROM predictions")).scalar_one()
        record(writer, 300)
        assert log_of(sqlite)[0] > 1500
    record(writer, 60, pause_s=0.01)
    assert until(lambda: log_of(sqlite)[0] < 1500)
    with sqlite.reading() as reader:
        assert reader.execute(text("SELECT count(*) FROM predictions")).scalar_one() == 360 * 40


@pytest.mark.usefixtures("soon")
def test_who_reads_for_long_does_not_keep_the_writers_waiting_again_and_again(
    sqlite: Sqlite, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    move = checkpointing._checkpoint

    def counted(connection: Any, how: str) -> Any:
        asked.append(how)
        return move(connection, how)

    monkeypatch.setattr(checkpointing, "_checkpoint", counted)
    mover, raw = Checkpointer(sqlite.connect, sqlite.turn, lambda: True), sqlite.connect()
    raw.execute(f"PRAGMA busy_timeout={checkpointing.READERS_MS}")
    with sqlite.reading() as reader, closing(raw):
        reader.execute(text("SELECT count(*) FROM predictions")).scalar_one()
        for _ in range(30):  # each is 49 pages and more
            write(sqlite)
            write(sqlite)
            mover._move(raw)
    assert asked.count("PASSIVE") > 20
    assert 1 <= asked.count("RESTART") <= 16
    again = asked.count("RESTART")
    with closing(sqlite.connect()) as raw:
        write(sqlite)
        mover._long = 0
        mover._move(raw)
    assert asked.count("RESTART") == again + 1
    assert mover._long == checkpointing.LONG_PAGES


@pytest.mark.usefixtures("soon")
def test_a_log_that_is_no_longer_the_records_is_left_alone(sqlite: Sqlite) -> None:
    mover = Checkpointer(sqlite.connect, sqlite.turn, lambda: False)
    mover.start()
    write(sqlite)
    mover.written()
    time.sleep(0.2)
    pages, moved = log_of(sqlite)
    assert pages > 40
    assert moved == 0
    mover.stop()
    assert not mover.is_alive()


@pytest.mark.usefixtures("soon")
def test_it_goes_on_once_the_store_is_back_and_says_so(sqlite: Sqlite) -> None:
    broken = [True]

    def connect() -> Any:
        if broken[0]:
            raise StoreUnavailable("away")
        return sqlite.connect()

    with capture_logs() as said:
        mover = Checkpointer(connect, sqlite.turn, lambda: True)
        mover.start()
        for _ in range(3):
            write(sqlite)
        mover.written()
        assert until(lambda: any(line["event"] == "log_not_moved" for line in said))
        assert log_of(sqlite)[1] == 0
        broken[0] = False
        assert until(lambda: log_of(sqlite)[1] > 0)
        assert until(lambda: any(line["event"] == "log_not_moved_no_more" for line in said))
    mover.stop()


@pytest.mark.usefixtures("soon")
def test_a_failed_record_ends_it_and_the_next_begins_another(sqlite: Sqlite, writer: Writer) -> None:
    record(writer, 1)
    first = writer._checkpointer  # type: ignore[attr-defined]  # SQLite's own writer has one
    assert first.is_alive()
    writer.forget()
    assert not first.is_alive()
    with suppress(StoreUnavailable):
        record(writer, 1)
    assert writer._checkpointer is not first  # type: ignore[attr-defined]  # SQLite's own writer has one


def test_an_old_library_never_moves_beside_a_commit(
    sqlite: Sqlite, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpointing, "library", lambda: (3, 40, 1))
    monkeypatch.setattr(inserting, "LOOK_ROWS", 10)
    record(writer, 2)
    assert writer._checkpointer is None  # type: ignore[attr-defined]  # SQLite's own writer has one
    turns: list[bool] = []

    def turn() -> AbstractContextManager[None]:
        turns.append(True)
        return nullcontext()

    monkeypatch.setattr(sqlite, "turn", turn)
    checkpoint(sqlite)
    assert turns == [True]
