"""What the commands share is checked before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.cli.options import Source
from tests.cli.conftest import run


@pytest.mark.parametrize("app", ["", "x" * 10_000, "a\nb", "a\x1b[2Jb", "a\x7fb"])
def test_a_path_that_no_file_system_or_terminal_takes_is_misuse(app: str) -> None:
    refused = run("versions", app)
    assert refused.exit_code == 2
    assert "cannot be a path" in refused.stderr
    assert "\x1b" not in refused.stderr
    assert len(refused.stderr) < 1000


@pytest.mark.parametrize("name", ["", "x" * 200, "a\nb", "a\x1b[2Jb"])
def test_a_name_that_no_model_can_have_is_misuse(name: str) -> None:
    assert run("versions", "somewhere", "--model", name).exit_code == 2


@pytest.mark.parametrize("words", [("--json", "--json"), ("--home", "a", "--home", "b")])
def test_an_option_said_twice_is_misuse(words: tuple[str, ...]) -> None:
    refused = run("versions", "somewhere", *words)
    assert refused.exit_code == 2
    assert "said 2 times" in refused.stderr


def test_an_option_that_may_be_repeated_may_be_repeated(tmp_path: Path) -> None:
    assert "said" not in run("train", tmp_path, "--recipe", "a", "--recipe", "b").stderr


@pytest.mark.parametrize("number", ["0", "-1", "x", "99999999999999999999"])
def test_a_number_that_no_version_can_have_is_misuse(number: str) -> None:
    assert run("promote", "somewhere", "--", number).exit_code == 2


def test_the_home_may_come_from_the_environment(app: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(trained))
    assert "linear" in run("versions", app).stdout


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("s3://bucket//key.csv", "s3://bucket//key.csv"), ("dataset:stones", "dataset:stones"), ("/data/x.csv", "/data/x.csv"),
        ("rows/*.csv", str(Path.cwd() / "rows/*.csv")), ("~/rows", str(Path.home() / "rows")),
    ],
)  # fmt: skip
def test_a_place_of_data_means_the_same_to_every_process(said: str, told: str) -> None:
    assert Source().convert(said, None, None) == told
