"""What the promise tests share: one application trained once, a copy of its home for each test, and the report."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests import homes
from tests.postgres import Cluster
from tests.promises.servers import APPLICATION, Server, copy_of, environment, start

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
TRAIN = """
import sys
from pathlib import Path
from assay.app import Assay
assay = Assay.at(Path(sys.argv[1]), home=Path(sys.argv[2]))
for name in sys.argv[3:]:
    run = assay.train(assay.application.model(name), None)
    assert all(version.status == "ready" for version in run.versions), run.versions
assay.close()
"""


@dataclass
class Tally:
    """What one promise's trials came to."""

    promise: str
    trials: int = 0
    failures: int = 0

    def count(self, failures: int, trials: int = 1) -> None:
        """Adds trials, of which some failed."""
        self.trials += trials
        self.failures += failures


@pytest.fixture(scope="session")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Cluster | None], Path]:
    """A trained home, its store on this server or in SQLite; each is trained once, however the tests take turns."""

    @cache
    def train(cluster: Cluster | None) -> Path:
        home = homes.prepared(tmp_path_factory.mktemp("trained") / "home", cluster)
        command = [sys.executable, "-c", TRAIN, str(APPLICATION), str(home), "stones", "notes", "stones"]
        ran = subprocess.run(command, env=environment(home=home), capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr[-3000:]
        return home

    return train


@pytest.fixture(scope="module")
def trained(cluster: Cluster | None, trainings: Callable[[Cluster | None], Path]) -> Path:
    """A home with two models: `stones` with four versions (two recipes, trained twice) and `notes` with one."""
    return trainings(cluster)


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Iterator[Path]:
    """A home of the test's own."""
    made = copy_of(trained, tmp_path / "home")
    yield made
    homes.forgotten(made)


@pytest.fixture(scope="module")
def shared_server(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a module, in which nothing may kill it."""
    server = start(
        copy_of(trained, tmp_path_factory.mktemp("shared") / "home"),
        told={"header_timeout_s": 1.5, "body_timeout_s": 1.5},
    )
    yield server
    server.kill()
    homes.forgotten(server.home)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Tally]]:
    """Counts trials and failures of a promise, and adds them to the report that $ASSAY_PROMISES_REPORT names."""
    counted: list[Tally] = []
    since = time.monotonic()

    def begin(promise: str) -> Tally:
        counted.append(Tally(promise))
        return counted[-1]

    yield begin
    told = os.environ.get("ASSAY_PROMISES_REPORT")
    if told:
        _add(Path(told), [_line(one, request.node.name, time.monotonic() - since) for one in counted if one.trials])


def _line(tally: Tally, test: str, duration_s: float) -> dict[str, Any]:
    # no failure in n trials: with 95 % confidence fewer than 3 in n would fail
    bound = 3 / tally.trials if not tally.failures else None
    return {
        "promise": tally.promise, "test": test, "trials": tally.trials, "failures": tally.failures, "bound95": bound,
        "duration": round(duration_s, 2),
    }  # fmt: skip


def _add(report: Path, lines: list[dict[str, Any]]) -> None:
    with report.with_suffix(".lock").open("w") as gate:  # several test processes write one report
        fcntl.flock(gate, fcntl.LOCK_EX)
        known = json.loads(report.read_text()) if report.exists() else []
        report.write_text(json.dumps(known + lines, indent=1))
