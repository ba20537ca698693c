"""Which files wait is found by how they are, and never by looking into them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app import Assay
from assay.app.items.changes import LONGEST_QUEUE_US, Changes, tag_of
from assay.sources.buckets import Found
from assay.store.items import items, refusals
from tests import heard, rows
from tests.store.items.test_refusals import refusal


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    made = Assay.at(heard.write(tmp_path / "app"), home=tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sound"
    made.mkdir()
    for name in ("a.wav", "b.wav"):
        (made / name).write_bytes(b"anything")
    return made


def look(changes: Changes, folder: Path, times: int = 2) -> list[str]:
    for _ in range(times):
        changes._next = 0
        changes._listed = -LONGEST_QUEUE_US * 2**20
        changes.look(str(folder))
    return [one.path for one in changes.waiting]


def tags(folder: Path) -> dict[str, str]:
    state = {file.name: file.stat() for file in folder.iterdir()}
    return {name: tag_of(Found(name, one.st_size, f"{one.st_mtime_ns}-{one.st_ino}")) for name, one in state.items()}


def test_a_file_waits_once_two_lists_tell_the_same(assay: Assay, folder: Path) -> None:
    changes = Changes(assay, "files")
    assert look(changes, folder, 1) == []
    os.utime(folder / "a.wav", ns=(1, 1))
    assert look(changes, folder, 1) == ["b.wav"]
    assert look(changes, folder, 1) == ["a.wav", "b.wav"]


def test_what_was_settled_waits_no_more_until_it_changes(assay: Assay, folder: Path) -> None:
    changes = Changes(assay, "files")
    assert look(changes, folder) == ["a.wav", "b.wav"]
    known = tags(folder)
    changes.settle({"a.wav": known["a.wav"]}, {"b.wav": known["b.wav"]})
    assert look(changes, folder) == []
    for name in known:
        os.utime(folder / name, ns=(1, 1))
    assert look(changes, folder) == ["a.wav", "b.wav"]


def test_what_was_settled_before_a_restart_is_recalled(assay: Assay, folder: Path) -> None:
    known = tags(folder)
    with assay.database.writing() as connection:
        items.add(connection, rows.item("a.wav", origin="watched", place=known["a.wav"]))
        refusals.put(connection, refusal("b.wav", place=known["b.wav"]))
        refusals.put(connection, refusal("gone.wav"))
    changes = Changes(assay, "files")
    assert look(changes, folder) == []
    assert list(assay.refusals.places("files")) == ["b.wav"]
    assert look(Changes(assay, "others"), folder) == ["a.wav", "b.wav"]


def test_files_are_taken_in_their_order(assay: Assay, folder: Path) -> None:
    changes = Changes(assay, "files")
    look(changes, folder)
    assert [one.path for one in changes.take(1)] == ["a.wav"]
    assert [one.path for one in changes.take(5)] == ["b.wav"]
    assert (changes.take(5), list(changes.waiting)) == ([], [])


def test_it_is_not_listed_again_too_early_nor_while_files_wait(assay: Assay, folder: Path) -> None:
    changes = Changes(assay, "files")
    look(changes, folder)
    assert changes._next > 0
    (folder / "c.wav").write_bytes(b"anything")
    for _ in range(3):
        changes._next = 0
        changes.look(str(folder))
    assert [one.path for one in changes.waiting] == ["a.wav", "b.wav"]
    assert look(changes, folder) == ["a.wav", "b.wav", "c.wav"]
    changes.take(3)
    changes._next = 2**62
    changes.look(str(folder))
    assert list(changes.waiting) == []
