"""`assay train` keeps every run and tells honestly what came of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import DATA, MODEL, Run, as_json, run


def test_the_run_is_told_to_people(app: Path, tmp_path: Path) -> None:
    done = run("train", app, "--home", tmp_path / "home")
    assert done.exit_code == 0, done.output
    assert "200 rows read, 197 kept, 3 set aside" in done.stdout
    assert "● answers" in done.stdout
    assert "Version 3 (failing) failed: ValueError: there is no such thing" in done.stdout
    assert "linear: training" in done.stderr
    assert "\x1b" not in done.output
    path = next(line.split(": ")[-1] for line in done.stdout.splitlines() if "with their values" in line)
    assert Path(path).read_text().count("\n") == 3


def test_the_run_is_told_to_programs(assay: Run, home: Path) -> None:
    done = assay("train", "--json")
    told = as_json(done)
    assert (told["rows_read"], told["rows"], told["removed"]["count"]) == (200, 197, 3)
    assert told["removed"]["reasons"] == {"paid: Houses without a price were given away": 3}
    assert [one["row"] for one in told["removed"]["rows"]] == [6, 18, 101]
    assert [one["status"] for one in told["versions"]] == ["ready", "ready", "failed"]
    assert [one["recipe"] for one in told["versions"]] == ["linear", "constant", "failing"]
    assert told["ruling"] == 1, "the same figures are not better"
    assert told["dropped"] == ["agent"]


def test_only_the_recipes_named_are_trained_and_nobody_is_promoted_where_it_is_not_wanted(
    app: Path, tmp_path: Path
) -> None:
    told = as_json(run("train", app, "--home", tmp_path / "home", "--recipe", "constant", "--no-promote", "--json"))
    assert [(one["recipe"], one["status"]) for one in told["versions"]] == [("constant", "ready")]
    assert (told["ruling"], told["promoted"], told["rollout"]) == (None, False, None)


def test_the_exit_code_is_1_where_no_version_is_ready(assay: Run) -> None:
    done = assay("train", "--recipe", "failing")
    assert done.exit_code == 1
    assert "answers as before" in done.stdout


@pytest.mark.parametrize("data", ["missing.csv", "-", "/dev/null"])
def test_rows_that_cannot_be_read_register_nothing(assay: Run, data: str) -> None:
    before = as_json(assay("versions", "--json"))
    refused = assay("train", "--data", data)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: ")
    assert refused.stdout == ""
    assert as_json(assay("versions", "--json")) == before


def test_an_unknown_recipe_is_refused(assay: Run) -> None:
    refused = assay("train", "--recipe", "magic")
    assert refused.exit_code == 1
    assert "linear" in refused.stderr


def test_several_models_need_a_name(tmp_path: Path) -> None:
    second = MODEL.replace('"""What is this house worth?"""', "").split("price = ")[1].split("@price")[0]
    (tmp_path / "model.py").write_text(MODEL + "\nrent = " + second.replace("house-price", "house-rent"))
    (tmp_path / "data.py").write_text(DATA)
    refused = run("train", tmp_path)
    assert refused.exit_code == 1
    assert "house-rent" in refused.stderr
    assert as_json(run("versions", tmp_path, "--model", "house-rent", "--json"))["model"] == "house-rent"
