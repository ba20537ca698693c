"""`assay db` upgrades, checks, backs up and restores, says what it did, and where it cannot, why and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from assay.store import schema
from tests.cli.conftest import QUESTION, as_json, program, run
from tests.postgres import Cluster
from tests.upgrade.histories import file_of

Db = Callable[..., Result]


@pytest.fixture
def db(app: Path, home: Path) -> Db:
    """Calls a verb of `assay db` on the application, on its trained home unless told otherwise."""

    def call(verb: str, *more: object) -> Result:
        return run("db", verb, app, *more, *([] if "--home" in more else ["--home", home]))

    return call


@pytest.fixture
def url(postgres: Cluster) -> Iterator[str]:
    """An empty database of PostgreSQL."""
    yield (made := postgres.create())
    postgres.drop(made)


def versions(app: Path, *where: object) -> list[Any]:
    """What the application's versions are there."""
    told: list[Any] = as_json(run("versions", app, "--json", *where))["versions"]
    return told


def test_a_backup_is_made_checked_and_restored(db: Db, app: Path, home: Path, tmp_path: Path) -> None:
    folder, other = tmp_path / "backup", tmp_path / "other"
    made = db("backup", folder)
    assert made.exit_code == 0, made.output
    assert "Backed up to" in made.stdout
    assert "3 versions" in made.stdout
    assert f"assay db restore APP {folder}" in made.stdout
    assert db("check", "--home", folder).exit_code == 0
    restored = db("restore", folder, "--home", other)
    assert restored.exit_code == 0, restored.output
    assert f"Restored to {other}" in restored.stdout
    assert versions(app, "--home", other) == versions(app, "--home", home)
    answered = run("predict", app, json.dumps(QUESTION), "--home", other)
    assert answered.exit_code == 0, answered.output


def test_a_store_moves_to_postgresql_and_back(db: Db, app: Path, home: Path, tmp_path: Path, url: str) -> None:
    there, back = ["--home", tmp_path / "there", "--database", url], ["--home", tmp_path / "back"]
    assert as_json(db("backup", tmp_path / "first", "--json"))["source"] == "sqlite"
    told = as_json(db("restore", tmp_path / "first", *there, "--json"))
    assert (told["database"], told["restored"]["rows"]["versions"]) == ("postgresql", 3)
    assert as_json(db("check", *there, "--json"))["ok"] is True
    assert run("predict", app, json.dumps(QUESTION), *there).exit_code == 0
    made = as_json(db("backup", tmp_path / "second", *there, "--json"))
    assert (made["source"], made["rows"]["predictions"]) == ("postgresql", 1)
    assert db("restore", tmp_path / "second", *back).exit_code == 0
    assert versions(app, *back) == versions(app, "--home", home)


def test_what_is_there_is_not_overwritten(db: Db, tmp_path: Path) -> None:
    assert db("backup", tmp_path / "backup").exit_code == 0
    again = db("backup", tmp_path / "backup")
    assert again.exit_code == 1
    assert "not an empty folder; name another" in again.stderr
    refused = db("restore", tmp_path / "backup")
    assert refused.exit_code == 1
    assert "home is there already" in refused.stderr


def test_a_file_that_the_store_lacks_is_said_and_the_status_is_1(db: Db, home: Path, tmp_path: Path) -> None:
    max((home / "artifacts").glob("*/*"), key=lambda file: file.stat().st_size).write_bytes(b"x")
    made = db("backup", tmp_path / "backup")
    assert made.exit_code == 1
    assert "Missing in the store itself: a file of version" in made.stdout
    assert (tmp_path / "backup" / "backup.json").exists()
    checked = db("check", "--json")
    assert checked.exit_code == 1
    assert {one["name"]: one["state"] for one in json.loads(checked.stdout)["checks"]}["files"] == "fail"
    restored = db("restore", tmp_path / "backup", "--home", tmp_path / "other")
    assert restored.exit_code == 0
    assert "Missing in the backup, as in its store" in restored.stdout


def test_a_damaged_backup_is_refused_in_one_sentence(db: Db, tmp_path: Path) -> None:
    db("backup", tmp_path / "backup")
    (tmp_path / "backup" / "assay.db").write_bytes(b"x")
    refused = db("restore", tmp_path / "backup", "--home", tmp_path / "other")
    assert refused.exit_code == 1
    assert "is not as the backup was made" in refused.stderr
    assert not (tmp_path / "other").exists()


def test_an_upgrade_says_from_what_to_what(db: Db, tmp_path: Path) -> None:
    (old := tmp_path / "old").mkdir()
    file_of("0001", old / "assay.db")
    said = db("upgrade", "--home", old)
    assert said.exit_code == 0, said.output
    assert said.stdout == f"Upgraded from 0001 to {schema.HEAD}.\n"
    assert as_json(db("upgrade", "--home", old, "--json")) == {"from": schema.HEAD, "to": schema.HEAD}
    assert "already" in db("upgrade", "--home", old).stdout


@pytest.mark.parametrize("verb", ["upgrade", "check", "backup"])
def test_where_there_is_no_store_none_is_made(verb: str, db: Db, tmp_path: Path) -> None:
    folder = [tmp_path / "backup"] * (verb == "backup")
    refused = db(verb, *folder, "--home", tmp_path / "nowhere")
    assert refused.exit_code == 1
    assert "There is no store in" in refused.stderr
    assert list(tmp_path.glob("nowhere")) == []


def test_any_command_refuses_a_damaged_store_and_names_the_way_back(app: Path, home: Path) -> None:
    with (home / "assay.db").open("r+b") as file:
        file.write(b"\0" * 4096)
    for command in (["versions"], ["predict", json.dumps(QUESTION)], ["jobs"], ["serve", "--port", "0"]):
        refused = program(command[0], app, *command[1:], "--home", home)
        assert refused.returncode == 1
        assert b"`assay db restore APP FOLDER`" in refused.stderr
        assert refused.stderr.splitlines()[-1].startswith(b"error: The store is damaged")


def test_a_store_that_is_damaged_is_not_backed_up(db: Db, home: Path, tmp_path: Path) -> None:
    with (home / "assay.db").open("r+b") as file:
        file.write(b"\0" * 4096)
    refused = db("backup", tmp_path / "backup")
    assert refused.exit_code == 1
    assert not (tmp_path / "backup").exists()
    checked = db("check")
    assert checked.exit_code == 1
    assert "fail" in checked.stdout
