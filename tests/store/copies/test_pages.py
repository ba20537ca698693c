"""SQLite's file is copied as of one moment, looked through, and made ready for its next start."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from assay.errors import StoreDamaged, StoreUnavailable
from assay.store.copies import pages
from assay.store.databases.library import sqlite as library
from assay.store.databases.sqlite import Sqlite
from assay.store.record.recorder import Entry, Recorder
from assay.store.schema import HEAD
from tests import rows
from tests.store.copies.conftest import nobody


@pytest.fixture
def recorder(sqlite: Sqlite) -> Recorder:
    return Recorder(sqlite)


def count(file: Path) -> int:
    with pages.reading_file(file) as copy:
        return pages.counts(copy)["exchanges"]


def test_a_copy_is_of_one_moment_whoever_writes_meanwhile(sqlite: Sqlite, recorder: Recorder, tmp_path: Path) -> None:
    body = b"x" * 100_000
    recorder.record([Entry(rows.exchange_values(request=body), []) for _ in range(100)])
    told: list[int] = []

    def heard(_: str, done: int, of: int) -> None:
        told.append(of - done)
        entry = Entry(rows.exchange_values(request=body), [])
        recorder.record([entry])  # between two steps
        assert entry.error is None

    pages.copy_pages(sqlite, copy := tmp_path / "copy.db", heard)
    assert len(told) > 1
    assert told[-1] == 0
    assert count(copy) == 100
    with sqlite.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM exchanges").scalar() == 100 + len(told)


def test_a_file_tells_its_tables_its_rows_and_its_schema(sqlite: Sqlite, recorder: Recorder, tmp_path: Path) -> None:
    recorder.record([Entry(rows.exchange_values(), [])])
    pages.copy_pages(sqlite, copy := tmp_path / "copy.db", nobody)
    pages.settle(copy)
    with pages.reading_file(copy) as file:
        assert pages.faults(file) == []
        assert pages.revision(file) == HEAD
        assert pages.tables(file)["schedules"] == ["name", "rule", "since", "slot"]
        assert "schema_version" not in pages.tables(file)
        with pytest.raises(library.OperationalError, match="readonly"):
            file.execute("DELETE FROM exchanges")
    assert {file.name for file in tmp_path.glob("copy*")} == {"copy.db"}


def test_a_damaged_page_is_found(sqlite: Sqlite, recorder: Recorder, tmp_path: Path) -> None:
    recorder.record([Entry(rows.exchange_values(request=b"x" * 300), []) for _ in range(200)])
    pages.copy_pages(sqlite, copy := tmp_path / "copy.db", nobody)
    data = bytearray(copy.read_bytes())
    data[-4096 * 3 : -4096 * 2] = b"\xff" * 4096
    copy.write_bytes(data)
    with pages.reading_file(copy) as file:
        assert pages.faults(file) != []
        with pytest.raises(StoreDamaged, match="`assay db restore"):
            pages.confirm_sound(file)


def test_what_sqlite_cannot_do_is_said_in_the_stores_own_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreDamaged, match="not a database"), pages.reading_file(tmp_path / "file") as file:
        file.execute("SELECT * FROM sqlite_schema")
    with pytest.raises(StoreUnavailable, match="unable to open"), pages.reading_file(tmp_path / "nowhere"):
        pass


def test_what_fills_a_file_is_there_at_the_end(tmp_path: Path) -> None:
    with pages.filling(tmp_path / "file") as out:
        out.execute("CREATE TABLE a (b)")
        out.executemany("INSERT INTO a VALUES (?)", ((number,) for number in range(1000)))
    with closing(library.connect(str(tmp_path / "file"))) as found:
        assert found.execute("SELECT count(*) FROM a").fetchone() == (1000,)


def test_a_file_of_another_schema_is_settled_as_far_as_it_goes(tmp_path: Path) -> None:
    with pages.filling(tmp_path / "file") as out:
        out.execute("CREATE TABLE a (b)")
    pages.settle(tmp_path / "file")
    with pages.reading_file(tmp_path / "file") as file:
        assert pages.revision(file) is None
