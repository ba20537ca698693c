"""Every connection has the guarantees that the product gives, and writers take turns."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from assay.errors import AssayError, StoreUnavailable
from assay.store.databases import checkpointing
from assay.store.databases.library import WAL_RESET_FIXED, library
from assay.store.databases.sqlite import Sqlite

FULL = 2
ADD = """
import sys
from pathlib import Path
from sqlalchemy import text
from assay.store.databases.sqlite import Sqlite
database = Sqlite(Path(sys.argv[1]))
for _ in range(50):
    with database.writing() as connection:
        counted = connection.execute(text("SELECT n FROM counter")).scalar_one()
        connection.execute(text(f"UPDATE counter SET n = {counted + 1}"))
database.close()
"""


def counter(database: Sqlite) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT n FROM counter")).scalar_one())


@pytest.fixture
def counting(sqlite: Sqlite) -> Sqlite:
    with sqlite.writing() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
    return sqlite


def test_every_connection_syncs_every_commit(sqlite: Sqlite) -> None:
    for raw in (sqlite.connect(), sqlite.connect(checkpointing=True)):
        assert raw.execute("PRAGMA synchronous").fetchone()[0] == FULL
        assert raw.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert raw.execute("PRAGMA foreign_keys").fetchone()[0] == 1
        raw.close()
    with sqlite.reading() as reader, sqlite.writing() as writer:
        for connection in (reader, writer):
            assert connection.execute(text("PRAGMA synchronous")).scalar_one() == FULL


@pytest.mark.parametrize(("version", "most"), [((3, 51, 3), 64_000), ((3, 40, 1), 2_000)])
def test_a_commit_moves_the_log_only_where_nobody_else_may_or_could(
    sqlite: Sqlite, monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], most: int
) -> None:
    monkeypatch.setattr(checkpointing, "library", lambda: version)
    for told, pages in ((True, most), (False, 0)):
        raw = sqlite.connect(checkpointing=told)
        assert raw.execute("PRAGMA wal_autocheckpoint").fetchone()[0] == pages
        raw.close()


def test_the_sync_can_be_switched_off_to_prove_that_it_matters(tmp_path: Path) -> None:
    unsafe = Sqlite(tmp_path / "unsafe.db", synchronous="OFF")
    raw = unsafe.connect()
    assert raw.execute("PRAGMA synchronous").fetchone()[0] == 0
    raw.close()
    unsafe.close()


def test_a_block_that_fails_leaves_nothing_behind(counting: Sqlite) -> None:
    with pytest.raises(RuntimeError), counting.writing() as connection:
        connection.execute(text("UPDATE counter SET n = 5"))
        raise RuntimeError
    assert counter(counting) == 0


def test_a_process_whose_fence_is_down_writes_nothing_and_reads_on(counting: Sqlite) -> None:
    class Fenced(AssayError):
        """No more."""

    def fence(connection: Connection) -> None:
        if connection.execute(text("SELECT n FROM counter")).scalar_one() == 1:
            raise Fenced

    counting.fence = fence
    with counting.writing() as connection:
        connection.execute(text("UPDATE counter SET n = 1"))
    with pytest.raises(Fenced), counting.writing() as connection:
        connection.execute(text("UPDATE counter SET n = 2"))
    assert counter(counting) == 1


def test_a_reader_keeps_its_view_while_others_write(counting: Sqlite) -> None:
    with counting.reading() as reader:
        assert reader.execute(text("SELECT n FROM counter")).scalar_one() == 0
        with counting.writing() as writer:
            writer.execute(text("UPDATE counter SET n = 5"))
        assert reader.execute(text("SELECT n FROM counter")).scalar_one() == 0
    assert counter(counting) == 5


def test_threads_and_processes_that_write_at_once_lose_nothing(counting: Sqlite) -> None:
    def add() -> None:
        for _ in range(50):
            with counting.writing() as connection:
                counted = connection.execute(text("SELECT n FROM counter")).scalar_one()
                connection.execute(text(f"UPDATE counter SET n = {counted + 1}"))

    others = [subprocess.Popen([sys.executable, "-c", ADD, str(counting.path)]) for _ in range(2)]
    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait(60) for other in others] == [0, 0]
    assert counter(counting) == 200


def test_a_failing_statement_is_a_failing_store(sqlite: Sqlite) -> None:
    with pytest.raises(StoreUnavailable, match="no such table"), sqlite.reading() as connection:
        connection.execute(text("SELECT * FROM nowhere"))


def test_a_file_that_is_no_database_is_a_failing_store(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"this is not a database, whatever it is called" * 100)
    broken = Sqlite(tmp_path / "broken.db")
    with pytest.raises(StoreUnavailable):
        broken.connect()
    with pytest.raises(StoreUnavailable), broken.reading():
        pass
    broken.close()


def test_errors_of_the_caller_pass_unchanged(sqlite: Sqlite) -> None:
    class Mine(AssayError):
        """Mine."""

    with pytest.raises(Mine), sqlite.writing():
        raise Mine


def test_the_library_is_one_without_the_defect_where_the_wheel_is_installed() -> None:
    pytest.importorskip("pysqlite3", reason="needs the wheel that carries an SQLite of its own")
    assert library() >= WAL_RESET_FIXED


def test_closing_twice_does_no_harm(tmp_path: Path) -> None:
    database = Sqlite(tmp_path / "assay.db")
    database.close()
    database.close()


def test_nobody_waits_for_ever_for_a_lock_that_another_process_holds(
    sqlite: Sqlite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.store.databases.sqlite.BUSY_TIMEOUT_S", 0.2)
    with sqlite.path.with_name(sqlite.path.name + ".lock").open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable, match="for too long"), sqlite.turn():
            pass
    with sqlite.turn():
        pass


@pytest.mark.parametrize("ending", ["", ".lock"])
def test_a_store_whose_file_is_gone_neither_reads_nor_writes(sqlite: Sqlite, ending: str) -> None:
    sqlite.path.with_name(sqlite.path.name + ending).unlink()
    with pytest.raises(StoreUnavailable, match="moved or deleted"), sqlite.reading():
        pass
    with pytest.raises(StoreUnavailable, match="moved or deleted"), sqlite.writing():
        pass
