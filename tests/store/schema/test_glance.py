"""A damaged SQLite file is refused at the start, wherever a glance can see it, with what to do next."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from assay.errors import StoreDamaged, StoreUnavailable
from assay.store import schema
from assay.store.databases.sqlite import Sqlite
from assay.store.record.recorder import Entry, Recorder
from assay.store.releases.rollouts import Rollouts
from assay.store.schema.glance import SMALL, glance_at, telling_damage
from tests import rows

PAGE = 4096


@pytest.fixture
def file(sqlite: Sqlite) -> Path:
    """A store's file, closed, with more exchanges than a glance looks through."""
    with closing(Recorder(sqlite)) as recorder:
        recorder.record([Entry(rows.exchange_values(request=b"x" * 300), []) for _ in range(SMALL + 500)])
    for number in range(1, 40):
        Rollouts(sqlite).append(rows.rollout(number, reason="why not " * 50))
    sqlite.close()
    return sqlite.path


def page_of(file: Path, query: str) -> int:
    with closing(Sqlite(file)) as known, known.reading() as connection:
        return int(connection.exec_driver_sql(query).scalar() or 0)


def root(file: Path, table: str) -> int:
    """The number of a table's first page."""
    return page_of(file, f"SELECT rootpage FROM sqlite_schema WHERE name = '{table}'")


def leaves(file: Path, table: str) -> list[int]:
    """The pages with a table's rows, in their order, where one page points to all of them."""
    data = file.read_bytes()[(root(file, table) - 1) * PAGE :][:PAGE]
    assert data[0] == 5
    cells = [int.from_bytes(data[at : at + 2]) for at in range(12, 12 + 2 * int.from_bytes(data[3:5]), 2)]
    return [int.from_bytes(data[at : at + 4]) for at in (*cells, 8)]


def spoil(file: Path, page: int) -> None:
    with file.open("r+b") as out:
        out.seek((page - 1) * PAGE)
        out.write(b"\xff" * PAGE)


def open_again(file: Path) -> None:
    with closing(Sqlite(file)) as database:
        schema.upgrade(database)


def test_a_sound_file_is_opened(file: Path) -> None:
    open_again(file)


@pytest.mark.parametrize("table", ["rollouts", "versions", "exchanges", "schema_version", "jobs"])
def test_a_damaged_table_is_refused(table: str, file: Path) -> None:
    spoil(file, root(file, table))
    with pytest.raises(StoreDamaged, match="`assay db restore APP FOLDER`"):
        open_again(file)


def test_a_damaged_schema_is_refused(file: Path) -> None:
    with file.open("r+b") as out:
        out.seek(100)
        out.write(b"\xff" * 500)
    with pytest.raises(StoreDamaged, match="malformed"):
        open_again(file)


def test_a_file_that_is_none_is_refused(file: Path) -> None:
    spoil(file, 1)
    with pytest.raises(StoreDamaged, match="not a database"):
        open_again(file)


def test_a_file_that_was_cut_off_is_refused(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2 // PAGE * PAGE)
    with pytest.raises(StoreDamaged, match="malformed"):
        open_again(file)


def test_the_newest_page_of_a_large_table_is_looked_at_and_no_other(file: Path) -> None:
    # what lies deeper is for `assay db check`: a start cannot afford to read it
    pages = leaves(file, "exchanges")
    assert len(pages) > 100
    spoil(file, pages[len(pages) // 2])
    open_again(file)
    spoil(file, pages[-1])
    with pytest.raises(StoreDamaged):
        open_again(file)


def test_other_failures_are_left_as_they_are() -> None:
    with pytest.raises(StoreUnavailable) as told, telling_damage():
        raise StoreUnavailable("Another process has held the store's lock for too long.")
    assert not isinstance(told.value, StoreDamaged)


def test_of_postgresql_nothing_is_asked(database: Sqlite) -> None:
    with database.reading() as connection:
        glance_at(connection)
