"""A tiny application that trains in a second, trained once, and the command line as tests call it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

MODEL = '''
"""What is this house worth?"""

from typing import Any

import polars as pl

import assay


class House(assay.Input):
    """A house."""

    area: float = assay.Number(above=0, at_most=500, unit="m2", description="Floor", example=80.0)
    kind: str = assay.Category("flat", "house", example="flat")
    rooms: int = assay.Integer(at_least=1, at_most=20, example=3)


price = assay.Model(
    "house-price", input=House, target="price", unit="EUR", floor=1.0, decimals=2, segments={"area": [0, 100, 200]},
    similar_by="area",
)


@price.clean
def paid(rows: pl.DataFrame) -> pl.Series:
    """Houses without a price were given away."""
    return rows["price"] > 0


@price.recipe
def linear() -> Any:
    """Linear."""
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    from assay.recipes import ordinal

    return make_pipeline(ordinal(House), LinearRegression())


@price.recipe
def constant() -> Any:
    """The mean, whatever is asked."""
    from sklearn.dummy import DummyRegressor

    return DummyRegressor()


@price.recipe
def failing() -> Any:
    """Never works."""
    raise ValueError("there is no such thing\\x1b[2J")
'''
DATA = '''
"""Made-up houses."""

import numpy as np
import polars as pl


def rows() -> pl.DataFrame:
    """200 houses, 3 of them without a price."""
    draw = np.random.default_rng(1)
    area, kind, rooms = draw.uniform(20, 220, 200).round(1), draw.choice(["flat", "house"], 200), draw.integers(1, 8, 200)
    price = (1000 * area + 20000 * (kind == "house") + draw.normal(0, 500, 200)).round(0)
    price[[5, 17, 100]] = 0
    return pl.DataFrame({"area": area, "kind": kind, "rooms": rooms, "price": price, "agent": ["x"] * 200})
'''
QUESTION = {"area": 80.0, "kind": "flat", "rooms": 3}
PROGRAM = [sys.executable, "-c", "from assay.cli.main import main; main(prog_name='assay')"]

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The application's folder."""
    folder = tmp_path_factory.mktemp("houses")
    (folder / "model.py").write_text(MODEL)
    (folder / "data.py").write_text(DATA)
    return folder


@pytest.fixture(scope="session")
def trained(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the application was trained once; not to be changed."""
    home = tmp_path_factory.mktemp("trained") / "home"
    done = run("train", app, "--home", home)
    assert done.exit_code == 0, done.output
    return home


@pytest.fixture(autouse=True)
def own_path() -> Iterator[None]:
    """Each test leaves the module path as it was: applications of several folders meet in this one process."""
    before = sys.path[:]
    yield
    sys.path[:] = before


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained home, to be changed at will."""
    copied = tmp_path / "home"
    shutil.copytree(trained, copied)
    return copied


@pytest.fixture
def assay(app: Path, home: Path) -> Run:
    """Calls a command on the application and its trained home."""

    def call(verb: str, *more: object, told: bytes | None = None) -> Result:
        return run(verb, app, *more, "--home", home, told=told)

    return call


def run(*words: object, told: bytes | None = None) -> Result:
    """Calls the command line in this process."""
    from assay.cli.main import main

    return CliRunner().invoke(main, [str(word) for word in words], input=told, prog_name="assay")


def program(
    *words: object, told: bytes = b"", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Calls the command line as a program of its own."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    return subprocess.run(
        [*PROGRAM, *map(str, words)],
        input=told,
        capture_output=True,
        env=known | (environment or {}),
        check=False,
        timeout=120,
    )


def as_json(done: Result) -> Any:
    """The standard output of a command that went well, parsed."""
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(autouse=True)
def as_wide_as_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No terminal around the tests decides how wide a table is."""
    monkeypatch.delenv("COLUMNS", raising=False)
