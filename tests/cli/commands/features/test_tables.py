"""`assay features` loads tables, lists them, and tells of entities as they are and were."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from assay.app import Assay
from tests import known
from tests.cli.conftest import program, run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An application whose table was loaded twice."""
    folder = known.write(tmp_path_factory.mktemp("known") / "app")
    file = folder.parent / "shops.csv"
    file.write_text("shop,size,town,staff,name\na,100,north,3,Corner\nb,50,east,,\x1b[2J\nc,70,south,,Two\n")
    found = run("features", "load", folder, "shops", "--data", file)
    assert found.exit_code == 0, found.output
    assert "shops: 3 rows from" in found.stdout and "2 entities are new" in found.stdout
    assert "1 row was refused: unknown_category (1)." in found.stdout
    assert "row 2: #/town: must be one of north, south" in found.stdout
    file.write_text("shop,size,town,staff,name\na,120,north,3,Corner\nc,70,south,,Two\n")
    again = run("features", "load", folder, "shops", "--data", file, "--json")
    assert json.loads(again.stdout)["kept"] == {"added": 0, "changed": 1, "unchanged": 1}
    return folder


def test_tables_are_listed(place: Path) -> None:
    (found,) = json.loads(run("features", "list", place, "--json").stdout)
    assert found == {
        "name": "shops",
        "key": "shop",
        "form": "text",
        "features": ["size", "town", "staff", "name"],
        "entities": 2,
    }
    assert "shops" in run("features", "list", place).stdout


def test_an_entity_is_told_as_it_is_and_was(place: Path) -> None:
    now = json.loads(run("features", "show", place, "shops", "a", "--json").stdout)
    assert (now["values"]["size"], now["ended_at"]) == (120, None)
    history = json.loads(run("features", "show", place, "shops", "a", "--history", "--json").stdout)
    assert [one["values"]["size"] for one in history] == [120, 100]
    past = run("features", "show", place, "shops", "a", "--as-of", history[1]["at"], "--json")
    assert json.loads(past.stdout) == history[1]
    assert "Corner" in run("features", "show", place, "shops", "a").stdout


def test_what_is_not_there_is_said(place: Path) -> None:
    for words, said in (
        (("show", place, "shops", "z"), "has no entity 'z'"), (("show", place, "none", "a"), "no feature table named 'none'"),
        (("load", place, "none"), "no feature table named 'none'"), (("show", place, "shops", "a/b"), "none of them a slash"),
    ):  # fmt: skip
        found = run("features", *words)
        assert found.exit_code == 1 and said in found.stderr


def test_what_cannot_be_meant_is_refused(place: Path) -> None:
    for more in (("--as-of", "today"), ("--as-of", "2026-03-03T12:00:00Z", "--history")):
        assert run("features", "show", place, "shops", "a", *more).exit_code == 2


def test_an_applications_own_rows_are_loaded_without_data(tmp_path: Path) -> None:
    folder = known.write(tmp_path / "app")
    assert "200 entities are new" in run("features", "load", folder, "shops").stdout
    with closing(Assay.at(folder)) as assay:
        assert assay.features.count("shops") == 200


def test_what_is_noted_while_tables_are_loaded_stands_beside_the_answer(tmp_path: Path) -> None:
    folder = known.write(tmp_path / "app")
    ran = program("train", folder, "--json")
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["model"] == "sales"
    assert b"features_loaded" in ran.stderr
