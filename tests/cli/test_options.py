"""What the commands share is checked before anything is opened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.cli.options import Source
from tests.cli.conftest import PROGRAM, QUESTION, program, run
from tests.postgres import PASSWORD, Cluster


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


# ---- the database


@pytest.mark.parametrize(
    "url",
    ["", "x", "me:a-secret@there/x", "mysql://me:a-secret@there/x", "postgresql+psycopg://me:a-secret@there/x",
     "postgresql://me:a-secret@there/" + "x" * 5000, "postgresql://me:a-secret\x1b[2J@there/x"],
)  # fmt: skip
def test_what_is_no_address_of_a_database_is_misuse_and_not_repeated(url: str) -> None:
    refused = run("versions", "somewhere", "--database", url)
    assert refused.exit_code == 2
    assert "postgresql://USER@HOST:PORT/NAME" in refused.stderr
    assert "secret" not in refused.output


def test_a_database_that_cannot_be_reached_is_said_without_its_address(app: Path, tmp_path: Path) -> None:
    url = "postgresql://me:a-secret@127.0.0.1:1/x"
    for told in (program("versions", app, "--home", tmp_path / "home", "--database", url),
                 program("versions", app, "--home", tmp_path / "home", environment={"ASSAY_DATABASE_URL": url}),
                 program("doctor", app, "--home", tmp_path / "home", "--database", url)):  # fmt: skip
        said = told.stdout + told.stderr
        assert told.returncode == 1
        assert b"cannot be reached" in said
        assert not [word for word in (b"a-secret", b"127.0.0.1", b"me:", b"Traceback") if word in said]


@pytest.fixture
def url(postgres: Cluster) -> Iterator[str]:
    made = postgres.create()
    yield made
    postgres.drop(made)


def test_a_command_works_on_the_database_that_it_is_told(app: Path, tmp_path: Path, url: str) -> None:
    assert run("train", app, "--home", tmp_path / "one", "--database", url, "--recipe", "linear").exit_code == 0
    assert not (tmp_path / "one" / "assay.db").exists()
    assert "linear" in run("versions", app, "--home", tmp_path / "two", "--database", url).stdout
    assert "linear" not in run("versions", app, "--home", tmp_path / "two").output


OWN = """
from sklearn.base import BaseEstimator, RegressorMixin


class Flat(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.mean_ = float(y.mean())
        return self

    def predict(self, X):
        import numpy as np

        return np.full(len(X), self.mean_)


price = assay.Model("house-price", input=House, target="price", trusted=(Flat,))


@price.recipe
def flat() -> Any:
    \"""The mean, by a class of the author's own.\"""
    from sklearn.pipeline import make_pipeline

    from assay.recipes import ordinal

    return make_pipeline(ordinal(House), Flat())
"""


def test_a_served_application_says_the_address_in_no_arguments_and_to_no_model(
    app: Path, tmp_path: Path, url: str
) -> None:
    shutil.copytree(app, tmp_path / "app")
    declared, _, _ = (app / "model.py").read_text().partition("price = assay.Model(")
    (tmp_path / "app" / "model.py").write_text(declared + OWN)
    where = ["--home", str(tmp_path / "home"), "--database", url]
    trained = program("train", tmp_path / "app", *where)
    assert trained.returncode == 0, trained.stderr
    command = [*PROGRAM, "serve", str(tmp_path / "app"), *where, "--port", "0", "--drain-delay", "0"]
    known = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=known) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split(b" on ")[1].split(b" ")[0].decode()
            assert _answers(address)
            running = [server.pid, *_descendants(server.pid)]
            told = {pid: (_file(pid, "cmdline"), _file(pid, "environ")) for pid in running}
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=60)
    models = [environment for arguments, environment in told.values() if b"assay.serving.engines.child" in arguments]
    others = [environment for arguments, environment in told.values() if b"assay.web.worker" in arguments]
    assert models
    assert others
    assert not [arguments for arguments, _ in told.values() if PASSWORD.encode() in arguments]
    assert not [environment for environment in models if PASSWORD.encode() in environment or b"ASSAY_" in environment]
    assert all(PASSWORD.encode() in environment for environment in others), "by which else do they know it?"


def _answers(address: str) -> bool:
    asked = urllib.request.Request(
        f"{address}/v1/models/house-price/predict", json.dumps(QUESTION).encode(), {"Content-Type": "application/json"}
    )
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            time.sleep(0.1)
    return False


def _descendants(pid: int) -> list[int]:
    found = [int(one) for task in Path(f"/proc/{pid}/task").glob("*/children") for one in task.read_text().split()]
    return [*found, *(below for one in found for below in _descendants(one))]


def _file(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()
