"""A backup is the store as of one moment, with every file that it names, and a home that can be opened."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from assay.errors import NotEmpty, StoreUnavailable
from assay.store.copies import notice
from assay.store.copies.backup import back_up
from assay.store.database import Database
from assay.store.databases import open_database
from assay.store.databases.sqlite import Sqlite
from assay.store.files.artifacts import Artifacts
from assay.store.record import exchanges, predictions
from assay.store.releases.rollouts import Rollouts
from assay.store.uploads import uploads
from assay.store.versions import Versions
from assay.store.work.jobs import Jobs
from tests.postgres import Cluster
from tests.store.copies.conftest import Filled, nobody


def everything(database: Database) -> list[list[tuple[object, ...]]]:
    """The record, whole."""
    tables = (exchanges.exchanges, predictions.predictions)
    with database.reading() as connection:
        return [[tuple(row) for row in connection.execute(select(table).order_by(table.c.id))] for table in tables]


def test_a_backup_holds_every_row_and_every_file_that_is_named(filled: Filled, tmp_path: Path) -> None:
    made = back_up(filled.database, filled.place, folder := tmp_path / "backup", nobody)
    assert made == notice.read(folder)
    assert (made.rows["exchanges"], made.rows["predictions"], made.files, made.missing) == (1, 3, 7, {})
    assert made.source == filled.database.kind
    assert set(Artifacts(folder / "artifacts").names()) == filled.needed
    assert [Artifacts(folder / "artifacts").get(name) for name in filled.needed]
    with closing(open_database(folder / "assay.db")) as copy:
        assert everything(copy) == everything(filled.database)
        assert Versions(copy).find("stone", 1).manifest == filled.manifest
        assert Rollouts(copy).newest() == 1


def test_whoever_held_something_is_forgotten_and_his_job_waits_again(filled: Filled, tmp_path: Path) -> None:
    back_up(filled.database, filled.place, folder := tmp_path / "backup", nobody)
    with closing(open_database(folder / "assay.db")) as copy:
        job = Jobs(copy).claim("another worker", ["train"], 60)
    assert job is not None
    assert job.attempts == 1


def test_opening_a_backup_to_look_changes_no_byte_of_it(filled: Filled, tmp_path: Path) -> None:
    made = back_up(filled.database, filled.place, folder := tmp_path / "backup", nobody)
    with closing(open_database(folder / "assay.db")) as copy:
        assert everything(copy) == everything(filled.database)
    assert notice.digest(folder / "assay.db") == made.database
    assert {file.name for file in folder.iterdir()} == {"assay.db", "assay.db.lock", "artifacts", "backup.json"}


def test_a_backup_is_for_its_owner_only(filled: Filled, tmp_path: Path) -> None:
    back_up(filled.database, filled.place, folder := tmp_path / "backup", nobody)
    assert (folder.stat().st_mode & 0o777, (folder / "assay.db").stat().st_mode & 0o777) == (0o700, 0o600)


def test_where_something_is_no_backup_is_written(filled: Filled, tmp_path: Path) -> None:
    (folder := tmp_path / "backup").mkdir()
    (folder / "mine").touch()
    with pytest.raises(NotEmpty, match="not an empty folder"):
        back_up(filled.database, filled.place, folder, nobody)
    assert [file.name for file in folder.iterdir()] == ["mine"]


def test_a_store_that_is_not_begun_has_no_backup(cluster: Cluster | None, filled: Filled, tmp_path: Path) -> None:
    with closing(Sqlite(tmp_path / "empty.db")) as empty, pytest.raises(StoreUnavailable, match="nothing to back up"):
        back_up(empty, filled.place, tmp_path / "backup", nobody)
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize("spoilt", ["manifest", "pipeline", "upload"])
def test_a_file_that_the_store_lacks_is_named_and_all_else_is_saved(
    spoilt: str, filled: Filled, tmp_path: Path
) -> None:
    name = getattr(filled, spoilt)
    filled.spoil(name)
    made = back_up(filled.database, filled.place, folder := tmp_path / "backup", nobody)
    assert made.missing == {name: {"upload": "an upload to mine"}.get(spoilt, "version 1 of stone")}
    lost = {name} | ({filled.pipeline} if spoilt == "manifest" else set())
    assert set(Artifacts(folder / "artifacts").names()) == filled.needed - lost


def test_of_a_version_that_is_known_to_be_broken_a_file_may_be_missing(filled: Filled, tmp_path: Path) -> None:
    filled.spoil(filled.pipeline)
    Versions(filled.database).mark("stone", 1, status="broken", error="damaged")
    assert back_up(filled.database, filled.place, tmp_path / "backup", nobody).missing == {}


class Deleting:
    """Hears of the work, and deletes the upload with its file when the files' turn has come, so many times."""

    def __init__(self, filled: Filled, times: int) -> None:
        self.filled = filled
        self.copies = 0
        self._times = times

    def __call__(self, part: str, done: int, _of: int) -> None:
        if (part, done) != ("check", 1):
            return
        self.copies += 1
        if self.copies <= self._times:
            with self.filled.database.writing() as connection:
                connection.execute(delete(uploads))
            self.filled.files.drop(self.filled.upload)


def test_a_copy_whose_dataset_was_deleted_meanwhile_is_made_once_more(filled: Filled, tmp_path: Path) -> None:
    heard = Deleting(filled, 1)
    made = back_up(filled.database, filled.place, folder := tmp_path / "backup", heard)
    assert (heard.copies, made.missing, made.rows["uploads"]) == (2, {}, 0)
    assert set(Artifacts(folder / "artifacts").names()) == filled.needed - {filled.upload}
