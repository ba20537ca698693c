"""A backup is put where nothing is, checked to the last byte, from either database into either."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import inspect

from assay.errors import AssayError, BackupRejected, NotEmpty, SchemaTooNew
from assay.store import schema
from assay.store.copies import notice
from assay.store.copies.backup import back_up
from assay.store.copies.named import Place
from assay.store.copies.restore import restore_database, restore_home
from assay.store.database import Database
from assay.store.databases import open_database
from assay.store.databases.sqlite import Sqlite
from assay.store.record.recorder import Entry, Recorder
from assay.store.releases.rollouts import Rollouts
from tests import rows
from tests.postgres import Cluster
from tests.store.copies.conftest import Filled, nobody
from tests.store.copies.test_backup import everything
from tests.upgrade.histories import file_of, found, rows_of


@pytest.fixture
def backup(filled: Filled, tmp_path: Path) -> Path:
    """A backup of the store."""
    back_up(filled.database, filled.place, folder := tmp_path / "backup", nobody)
    return folder


@pytest.fixture
def emptiness(postgres: Cluster) -> Iterator[Database]:
    """An empty database of PostgreSQL."""
    with closing(open_database(url := postgres.create())) as made:
        yield made
    postgres.drop(url)


def tables(database: Database) -> list[str]:
    with database.reading() as connection:
        return inspect(connection).get_table_names()


def test_a_home_is_as_its_store_was(filled: Filled, backup: Path, tmp_path: Path) -> None:
    place = Place(tmp_path / "home")
    assert restore_home(backup, place, nobody) == notice.read(backup)
    with closing(open_database(place.home / "assay.db")) as restored:
        assert everything(restored) == everything(filled.database)
    assert set(place.artifacts().names()) == filled.needed
    assert (place.home.stat().st_mode & 0o777, (place.home / "assay.db").stat().st_mode & 0o777) == (0o700, 0o600)


def test_files_go_where_the_setting_says(backup: Path, filled: Filled, tmp_path: Path) -> None:
    place = Place(tmp_path / "home", str(tmp_path / "elsewhere"))
    restore_home(backup, place, nobody)
    assert set(place.artifacts().names()) == filled.needed
    assert not (place.home / "artifacts").exists()


def test_a_database_is_as_its_store_was_and_goes_on_from_there(
    filled: Filled, backup: Path, emptiness: Database, tmp_path: Path
) -> None:
    place = Place(tmp_path / "home")
    restore_database(backup, place, emptiness, nobody)
    assert everything(emptiness) == everything(filled.database)
    assert set(place.artifacts().names()) == filled.needed
    assert Rollouts(emptiness).append(rows.rollout(2)).previous == 1
    assert Rollouts(emptiness).newest() == 2
    back_up(emptiness, place, again := tmp_path / "again", nobody)
    restore_home(again, Place(tmp_path / "back"), nobody)
    with closing(open_database(tmp_path / "back" / "assay.db")) as back:
        assert everything(back) == everything(filled.database)


def test_tables_without_rows_are_no_hindrance(backup: Path, emptiness: Database, tmp_path: Path) -> None:
    schema.upgrade(emptiness)
    restore_database(backup, Place(tmp_path / "home"), emptiness, nobody)
    assert Rollouts(emptiness).newest() == 1


def test_what_is_there_is_never_mixed_with_a_backup(backup: Path, emptiness: Database, tmp_path: Path) -> None:
    (home := tmp_path / "home").mkdir()
    (home / "assay.db").touch()
    with pytest.raises(NotEmpty, match="home is there already"):
        restore_home(backup, Place(home), nobody)
    schema.upgrade(emptiness)
    with closing(Recorder(emptiness)) as recorder:
        recorder.record([Entry(rows.exchange_values(), [])])
    with pytest.raises(NotEmpty, match="its table exchanges has rows"):
        restore_database(backup, Place(home), emptiness, nobody)


def spoil_database(backup: Path, _: Filled) -> None:
    with (backup / "assay.db").open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(b"\0\1")


def cut_database(backup: Path, _: Filled) -> None:
    os.truncate(backup / "assay.db", 8192)


def spoil_file(backup: Path, filled: Filled) -> None:
    (backup / "artifacts" / filled.pipeline[:2] / filled.pipeline).write_bytes(b"x")


def lose_file(backup: Path, filled: Filled) -> None:
    (backup / "artifacts" / filled.upload[:2] / filled.upload).unlink()


def lose_notice(backup: Path, _: Filled) -> None:
    (backup / "backup.json").unlink()


def spoil_notice(backup: Path, _: Filled) -> None:
    os.truncate(backup / "backup.json", 40)


def change(backup: Path, **told: object) -> None:
    known = msgspec.json.decode((backup / "backup.json").read_bytes())
    (backup / "backup.json").write_bytes(msgspec.json.encode(known | told))


def make_newer(backup: Path, _: Filled) -> None:
    change(backup, schema="0999")


def make_stranger(backup: Path, _: Filled) -> None:
    change(backup, format=2)


@pytest.mark.parametrize(
    ("spoil", "refusal", "said"),
    [
        (spoil_database, BackupRejected, "is not as the backup was made"), (cut_database, BackupRejected, "is not as"),
        (spoil_file, BackupRejected, "a file of version 1 of stone"), (lose_file, BackupRejected, "a file of an upload to mine"),
        (lose_notice, BackupRejected, "no backup.json"), (spoil_notice, BackupRejected, "cannot be read"),
        (make_newer, SchemaTooNew, "0999"), (make_stranger, BackupRejected, "newer Assay"),
    ],
)  # fmt: skip
def test_a_damaged_backup_is_refused_and_nothing_is_written(
    spoil: object,
    refusal: type[AssayError],
    said: str,
    backup: Path,
    filled: Filled,
    emptiness: Database,
    tmp_path: Path,
) -> None:
    assert callable(spoil)
    spoil(backup, filled)
    with pytest.raises(refusal, match=said):
        restore_home(backup, Place(tmp_path / "home"), nobody)
    assert not (tmp_path / "home").exists()
    assert list(tmp_path.glob(".assay-*")) == []
    with pytest.raises(refusal, match=said):
        restore_database(backup, Place(tmp_path / "other"), emptiness, nobody)
    assert tables(emptiness) == []


def test_a_text_that_postgresql_cannot_keep_is_told_and_nothing_is_written(
    sqlite: Sqlite, emptiness: Database, tmp_path: Path
) -> None:
    with closing(sqlite.connect()) as raw:  # as an older Assay did
        raw.execute("INSERT INTO schedules VALUES ('a' || char(0), 'every 1s', 0, NULL)")
    back_up(sqlite, Place(tmp_path), backup := tmp_path / "backup", nobody)
    with pytest.raises(BackupRejected, match="a row of the table schedules: a text holds the character NUL"):
        restore_database(backup, Place(tmp_path / "home"), emptiness, nobody)
    assert tables(emptiness) == []


@pytest.mark.parametrize("history", ["0001", "0002_first", "0002_second", "0002"])
def test_a_backup_of_an_older_assay_is_brought_to_todays_schema(
    history: str, emptiness: Database, tmp_path: Path
) -> None:
    (old := tmp_path / "old").mkdir()
    with closing(open_database(file_of(history, old / "assay.db"))) as store:
        made = back_up(store, Place(old), backup := tmp_path / "backup", nobody)
    assert made.schema == history[:4]
    written = rows_of(history, tmp_path)
    for forgotten in ("processes", "preparations", "jobs"):
        written.pop(forgotten, None)
    restore_home(backup, Place(tmp_path / "home"), nobody)
    restored = [emptiness] if history != "0002_first" and history != "0002_second" else []
    if restored:
        restore_database(backup, Place(tmp_path / "other"), emptiness, nobody)
    with closing(open_database(tmp_path / "home" / "assay.db")) as home:
        for database in (home, *restored):
            assert found(database, written) == written
            with database.reading() as connection:
                assert schema.current(connection) == schema.HEAD
