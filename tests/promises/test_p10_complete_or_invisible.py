"""P10: a training run leaves a whole version or nothing that can be seen, whenever it is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assay.store import schema
from assay.store.databases import open_database
from tests import homes
from tests.postgres import Cluster
from tests.promises.checker import artifact, doubled, halves, integrity, opened, rows
from tests.promises.conftest import TRAIN, Tally
from tests.promises.faults import injected
from tests.promises.servers import APPLICATION, environment

# SQLite writes its file in the trainer itself; what PostgreSQL is asked goes over a socket, in a new database the schema first
WHENS: dict[str, dict[str, dict[str, Iterable[int]]]] = {
    "sqlite": {
        "pr": {"fsync": (1, 8, 16), "rename": (1, 5), "pwrite64": (1, 60, 100)},
        "nightly": {"fsync": range(1, 25), "rename": range(1, 8), "pwrite64": range(1, 140, 2)},
    },
    "postgresql": {
        "pr": {"fsync": (1, 4), "rename": (3,), "sendto": (1, 20, 50, 80), "schema": (1, 120)},
        "nightly": {
            "fsync": range(1, 12),
            "rename": range(1, 8),
            "sendto": range(1, 140, 2),
            "schema": range(1, 200, 4),
        },
    },
}
CALLS = [(kind, call) for kind, told in WHENS.items() for call in told["pr"]]
# Imports once, then forks a trainer for each line; the trainer waits for a word before it begins, so that a tracer can come.
TRAINERS = """
import importlib, json, os, pkgutil, sys
from pathlib import Path
import assay, sklearn.pipeline
for module in pkgutil.walk_packages(assay.__path__, "assay."):
    if not module.name.endswith(".env"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as missing:
            if missing.name not in ("torch", "keras", "tensorflow"):  # extras that few have
                raise
from assay.app import Assay
for line in sys.stdin:
    told = json.loads(line)
    child = os.fork()
    if child == 0:
        os.read(int(sys.argv[2]), 1)
        assay = Assay.at(Path(sys.argv[1]), **told)
        run = assay.train(assay.application.model("notes"), None)
        assay.close()
        os._exit(0 if run.versions[0].status == "ready" else 3)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Trainers:
    """Trains the model `notes` in a fresh process each time, without paying for the imports again."""

    def __init__(self) -> None:
        reading, self._go = os.pipe()
        self._program = subprocess.Popen(
            [sys.executable, "-c", TRAINERS, str(APPLICATION), str(reading)], env=environment(), pass_fds=[reading],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1,
        )  # fmt: skip
        os.close(reading)

    def train(self, home: Path, *, strace: str = "", call: str = "", when: int = 0) -> int:
        """The trainer's exit status; with a call, it is killed as its `when`-th one begins."""
        assert self._program.stdin is not None and self._program.stdout is not None
        self._program.stdin.write(json.dumps(homes.settings_of(home), default=str) + "\n")
        pid = int(self._program.stdout.readline())
        if not call:
            os.write(self._go, b"x")
            return int(self._program.stdout.readline())
        with injected(strace, pid, call, f"signal=SIGKILL:when={when}"):
            os.write(self._go, b"x")
            return int(self._program.stdout.readline())

    def close(self) -> None:
        """Ends the program."""
        os.close(self._go)
        assert self._program.stdin is not None and self._program.stdout is not None
        self._program.stdin.close()
        self._program.kill()
        self._program.wait()
        self._program.stdout.close()


@pytest.fixture(scope="module")
def trainers() -> Iterator[Trainers]:
    """One program that trains."""
    made = Trainers()
    yield made
    made.close()


def seen(home: Path) -> list[str]:
    """What is not whole, twice there, or damaged."""
    with opened(home) as database:
        if "versions" not in database.tables():
            return integrity(database)  # killed before there was a schema
        return [*integrity(database), *halves(database, home), *doubled(database)]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("database_kind", "call"), CALLS, indirect=["database_kind"])
def test_a_trainer_killed_at_a_system_call_leaves_all_or_nothing(
    call: str, cluster: Cluster | None, trainers: Trainers, tmp_path: Path, tier: str, strace: str, tally: Callable[[str], Tally]
) -> None:  # fmt: skip
    count, killed = tally("P10"), 0
    for when in WHENS["sqlite" if cluster is None else "postgresql"][tier][call]:
        home = homes.prepared(tmp_path / f"home-{when}", cluster)
        home.mkdir()
        if call == "sendto":
            with closing(open_database(homes.where(home))) as made:
                schema.upgrade(made)
        killed += trainers.train(home, strace=strace, call="sendto" if call == "schema" else call, when=when) == -9
        found = seen(home)
        assert trainers.train(home) == 0, "the next training needs nobody"
        found += seen(home)
        count.count(len(found))
        assert found == [], f"{call} {when}"
        numbers = [row["number"] for row in rows(home, "SELECT number FROM versions ORDER BY number")]
        assert numbers in ([1], [1, 2])
        ruling = rows(home, "SELECT version FROM rollouts ORDER BY sequence DESC LIMIT 1")
        assert ruling and ruling[0]["version"] in numbers
        homes.forgotten(home)
    assert killed > 0, "no call was reached: the test tests nothing"


@pytest.mark.timeout(300)
def test_two_trainers_at_once_give_each_version_a_number_of_its_own(home: Path, tally: Callable[[str], Tally]) -> None:
    command = [sys.executable, "-c", TRAIN, str(APPLICATION), str(home), "stones"]
    both = [subprocess.Popen(command, env=environment(home=home), stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [one.wait(200) for one in both] == [0, 0]
    numbers = Counter(row["number"] for row in rows(home, "SELECT number FROM versions WHERE model = 'stones'"))
    assert numbers == Counter(range(1, 9))
    found = seen(home)
    tally("P10").count(len(found))
    assert found == []


def test_the_checker_notices_a_version_without_its_file(home: Path) -> None:
    manifest = rows(home, "SELECT manifest FROM versions WHERE model = 'notes'")[0]["manifest"]
    artifact(home, manifest).unlink()
    assert seen(home) == ["version 1 of notes: its manifest is missing"]
