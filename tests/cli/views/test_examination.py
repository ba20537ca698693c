"""The examination notices what is wrong with a store and its versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.cli.views.examination import examine
from tests.cli.conftest import run
from tests.postgres import PASSWORD, Cluster


def states(app: Path, home: Path) -> dict[str, str]:
    """What the doctor says, by check."""
    return {check.name: check.state for check in examine(app, {"home": home})}


def test_a_commit_that_is_not_synced_is_noticed(app: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert states(app, home)["durability"] == "ok"
    monkeypatch.setenv("ASSAY_UNSAFE", '["no-sync"]')
    assert states(app, home)["durability"] == "fail"


def test_a_database_that_is_none_is_noticed(app: Path, home: Path) -> None:
    for file in home.glob("assay.db-*"):
        file.unlink()
    (home / "assay.db").write_bytes(b"nothing of the kind " * 1000)
    assert states(app, home)["store"] == "fail"


def test_damaged_pages_are_noticed(app: Path, home: Path) -> None:
    with (home / "assay.db").open("r+b") as file:
        for page in range(1, 40):
            file.seek(page * 4096)
            if file.read(1):
                file.seek(page * 4096)
                file.write(b"\xff" * 64)
    found = states(app, home)
    assert "fail" in (found["store"], found["schema"])


def test_a_ruling_version_that_is_damaged_is_noticed(app: Path, home: Path) -> None:
    found = states(app, home)
    assert found["answers of house-price"] == found["files of house-price"] == "ok"
    for file in (home / "artifacts").glob("*/*"):
        file.write_bytes(file.read_bytes()[:-1])
    found = states(app, home)
    assert found["answers of house-price"] == found["files of house-price"] == "fail"


def test_where_nothing_can_be_promoted_nobody_is_told_to(app: Path, home: Path) -> None:
    def advice() -> str:
        return next(one.todo for one in examine(app, {"home": home}) if one.name == "answers of house-price")

    with sqlite3.connect(home / "assay.db") as store:
        store.execute("DELETE FROM rollouts")
    assert "assay promote" in advice()
    with sqlite3.connect(home / "assay.db") as store:
        store.execute("UPDATE versions SET status = 'broken'")
    assert "assay versions" in advice()


@pytest.fixture
def url(postgres: Cluster) -> Iterator[str]:
    made = postgres.create()
    yield made
    postgres.drop(made)


def test_a_store_in_postgresql_is_examined_from_its_schema_to_its_answers(app: Path, tmp_path: Path, url: str) -> None:
    told = ("--home", tmp_path / "home", "--database", url)
    assert run("train", app, "--recipe", "linear", *told).exit_code == 0
    found = {check.name: check for check in examine(app, {"home": tmp_path / "home", "database_url": url})}
    sound = ("schema", "store", "durability", "files of house-price", "answers of house-price")
    assert [found[name].state for name in sound] == ["ok"] * len(sound)
    assert "fsync=on" in found["durability"].found
    assert PASSWORD not in str(found)


def test_an_empty_database_is_no_fault(app: Path, tmp_path: Path, url: str) -> None:
    found = {check.name: check for check in examine(app, {"home": tmp_path / "home", "database_url": url})}
    assert (found["schema"].state, found["store"].state) == ("warn", "ok")
    assert "Nothing is kept yet" in found["schema"].found


def test_a_database_that_cannot_be_reached_is_one_finding_among_others(app: Path, tmp_path: Path) -> None:
    url = "postgresql://me:a-secret@127.0.0.1:1/x"
    found = {check.name: check for check in examine(app, {"home": tmp_path / "home", "database_url": url})}
    assert (found["store"].state, found["python"].state) == ("fail", "ok")
    assert "ASSAY_DATABASE_URL" in found["store"].todo
    assert "a-secret" not in str(found)


def test_files_that_cannot_be_had_are_a_finding(app: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_ARTIFACTS", "s3://key:a-secret@bucket/x")
    found = {check.name: check for check in examine(app, {"home": home})}
    assert (found["files"].state, found["store"].state) == ("fail", "ok")
    assert "a-secret" not in str(found)
