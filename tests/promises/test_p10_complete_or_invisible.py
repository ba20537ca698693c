"""P10: a training run leaves a whole version or nothing that can be seen, whenever it is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.promises.checker import artifact, doubled, halves, integrity, opened, rows
from tests.promises.conftest import TRAIN, Tally
from tests.promises.faults import injected
from tests.promises.servers import APPLICATION, environment

WHENS: dict[str, dict[str, Iterable[int]]] = {
    "pr": {"fsync": (1, 4, 8, 13, 16), "rename": (1, 3, 5), "pwrite64": (1, 60, 100)},
    "nightly": {"fsync": range(1, 25), "rename": range(1, 8), "pwrite64": range(1, 140, 2)},
}
# Imports once, then forks a trainer for each line; the trainer waits for a word before it begins, so that a tracer can come.
TRAINERS = """
import importlib, os, pkgutil, sys
from pathlib import Path
import assay, sklearn.pipeline
for module in pkgutil.walk_packages(assay.__path__, "assay."):
    if not module.name.endswith(".env"):
        importlib.import_module(module.name)
from assay.app import Assay
for line in sys.stdin:
    home = line.strip()
    child = os.fork()
    if child == 0:
        os.read(int(sys.argv[2]), 1)
        assay = Assay.at(Path(sys.argv[1]), home=Path(home))
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
        self._program.stdin.write(f"{home}\n")
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
    with closing(opened(home)) as database:
        tables = {row["name"] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "versions" not in tables:
            return integrity(database)  # killed before there was a schema
        return [*integrity(database), *halves(database, home), *doubled(database)]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("call", ["fsync", "rename", "pwrite64"])
def test_a_trainer_killed_at_a_system_call_leaves_all_or_nothing(
    call: str, trainers: Trainers, tmp_path: Path, tier: str, strace: str, tally: Callable[[str], Tally]
) -> None:
    count, killed = tally("P10"), 0
    for when in WHENS[tier][call]:
        home = tmp_path / f"home-{when}"
        home.mkdir()
        killed += trainers.train(home, strace=strace, call=call, when=when) == -9
        found = seen(home)
        assert trainers.train(home) == 0, "the next training needs nobody"
        found += seen(home)
        count.count(len(found))
        assert found == [], f"{call} {when}"
        numbers = [row["number"] for row in rows(home, "SELECT number FROM versions ORDER BY number")]
        assert numbers in ([1], [1, 2])
        ruling = rows(home, "SELECT version FROM rollouts ORDER BY sequence DESC LIMIT 1")
        assert ruling and ruling[0]["version"] in numbers
    assert killed > 0, "no call was reached: the test tests nothing"


@pytest.mark.timeout(300)
def test_two_trainers_at_once_give_each_version_a_number_of_its_own(home: Path, tally: Callable[[str], Tally]) -> None:
    command = [sys.executable, "-c", TRAIN, str(APPLICATION), str(home), "stones"]
    both = [subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL) for _ in range(2)]
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
