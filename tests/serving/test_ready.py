"""What a process has at hand before it answers: the version that is prepared, the one before, and its word on that."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.domain.version import Version
from assay.errors import ArtifactRejected
from assay.serving.loaded import LoadedVersion
from assay.serving.ready import Ready
from assay.store import schema
from assay.store.databases.sqlite import Sqlite
from assay.store.releases.preparations import Preparations
from assay.store.releases.processes import Processes
from tests import rows, standins


class Room:
    """A store with one process's `Ready`, whose loads the test decides."""

    def __init__(self, folder: Path) -> None:
        database = Sqlite(folder / "assay.db")
        schema.upgrade(database)
        self.preparations = Preparations(database)
        self.processes = Processes(database)
        self.loads: list[int] = []
        self.act: Callable[[], None] = lambda: None
        self.ready = Ready(self.find, self.load, self.preparations, self.processes)

    def find(self, model: str, number: int) -> Version:
        return rows.version(model=model, number=number)

    def load(self, version: Version) -> LoadedVersion:
        self.loads.append(version.number)
        self.act()
        return standins.version(standins.times(version.number), number=version.number)

    def propose(self, number: int, *others: int) -> str:
        return self.preparations.propose(
            "stone", number, by="me", who=("here", "now", 7), left=lambda _: True, versions=(number, *others)
        ).id

    def words(self, preparation: str) -> list[str]:
        """What the process says of the preparation, once it says something."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            self.ready.look()
            if said := self.preparations.acknowledged(preparation):
                return list(said.values())
            time.sleep(0.01)
        return []


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_a_process_counts_from_its_first_look_until_it_leaves(room: Room) -> None:
    assert room.processes.heard_of() == []
    room.ready.look()
    room.ready.look()
    assert len(room.processes.heard_of()) == 1
    room.ready.leave()
    assert room.processes.heard_of() == []


def test_what_is_prepared_is_loaded_once_and_at_hand(room: Room) -> None:
    preparation = room.propose(3)
    assert room.words(preparation) == [""]
    room.ready.look()
    assert room.loads == [3]
    found = room.ready.take("stone", 3)
    assert found is not None
    assert found.number == 3
    assert room.ready.take("stone", 4) is None


def test_a_version_that_cannot_be_loaded_is_said_with_the_reason(room: Room) -> None:
    def fail() -> None:
        raise ArtifactRejected("The file abc is damaged.")

    room.act = fail
    assert room.words(room.propose(3)) == ["The file abc is damaged."]
    assert room.ready.take("stone", 3) is None


def test_a_surprise_while_loading_is_said_too(room: Room) -> None:
    def fail() -> None:
        raise MemoryError("none left")

    room.act = fail
    assert room.words(room.propose(3)) == ["MemoryError: none left"]


def test_what_was_given_up_is_let_go(room: Room) -> None:
    preparation = room.propose(3)
    assert room.words(preparation) == [""]
    room.preparations.abort(preparation, "another could not")
    for _ in range(2):
        room.ready.look()
    assert room.ready.take("stone", 3) is None


def test_the_version_before_is_at_hand_without_loading(room: Room) -> None:
    room.ready.switched(standins.version(standins.times(1), number=1))
    preparation = room.propose(1)
    assert room.words(preparation) == [""]
    assert room.loads == []
    room.ready.switched(standins.version(standins.times(2), number=2))
    room.preparations.abort(preparation, "enough")
    room.ready.look()
    room.ready.look()
    assert room.ready.take("stone", 1) is None, "only the last one before is kept"


def test_a_slow_version_holds_up_nothing_else(room: Room) -> None:
    gate = threading.Event()

    def wait() -> None:
        gate.wait(5)

    room.act = wait
    slow = room.propose(3)
    room.ready.look()
    began = time.monotonic()
    room.ready.look()
    assert time.monotonic() - began < 1
    assert room.preparations.acknowledged(slow) == {}
    gate.set()
    assert room.words(slow) == [""]


def test_every_arm_of_an_experiment_is_loaded_unless_it_answers_already(room: Room) -> None:
    answering = standins.version(standins.times(1), number=1)
    room.ready.serving = lambda model, number: answering if (model, number) == ("stone", 1) else None
    assert room.words(room.propose(1, 2, 3)) == [""]
    assert room.loads == [2, 3]
    assert room.ready.take("stone", 1) is answering
    assert [one and one.number for one in (room.ready.take("stone", 2), room.ready.take("stone", 3))] == [2, 3]


def test_of_several_the_one_that_cannot_be_loaded_is_named(room: Room) -> None:
    def fail() -> None:
        if len(room.loads) == 2:
            raise ArtifactRejected("The file abc is damaged.")

    room.act = fail
    assert room.words(room.propose(4, 5, 6)) == ["version 5: The file abc is damaged."]
    assert room.ready.take("stone", 4) is None


def test_what_was_prepared_is_still_at_hand_when_its_decision_is_followed(room: Room) -> None:
    preparation = room.propose(3)
    assert room.words(preparation) == [""]
    room.preparations.abort(preparation, "committed, as far as this process sees")
    room.ready.look()
    assert room.ready.take("stone", 3) is not None, "it would be loaded a second time"
    room.ready.look()
    assert room.ready.take("stone", 3) is None
