"""Who deletes an item deletes its bytes, unless something else needs them; what is left is found again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app import Assay
from assay.app.items.deleting import Deleting
from assay.errors import ItemNotFound
from assay.store.audit import Audit
from assay.store.items import holds
from assay.store.items.ending import delete_name
from assay.store.paging import Window
from tests import heard, waves
from tests.app.items.test_receiving import send


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    made = Assay.at(heard.write(tmp_path / "app"), home=tmp_path / "home")
    yield made
    made.close()


def test_a_deleted_item_leaves_no_byte(assay: Assay) -> None:
    item, _ = send(assay, waves.wav())
    Deleting(assay).delete("files", "one.wav", "somebody")
    assert not assay.artifacts.path(item.digest).exists()
    with pytest.raises(ItemNotFound):
        assay.items.find("files", "one.wav")
    assert assay.items.uncleared(10) == []
    (told,) = Audit(assay.database).page(Window()).entries
    assert (told.action, told.by) == ("item.delete", "somebody")


def test_bytes_stay_while_another_item_or_a_snapshot_needs_them(assay: Assay) -> None:
    first, _ = send(assay, waves.wav())
    send(assay, waves.wav(), "two.wav")
    deleting = Deleting(assay)
    deleting.delete("files", "one.wav", "somebody")
    assert assay.artifacts.confirmed(first.digest)
    with assay.database.writing() as connection:
        holds.add(connection, "ab" * 32, [first.digest])
    deleting.delete("files", "two.wav", "somebody")
    assert assay.artifacts.confirmed(first.digest)
    assert assay.items.uncleared(10) == []


def test_what_is_not_there_is_not_deleted(assay: Assay) -> None:
    with pytest.raises(ItemNotFound):
        Deleting(assay).delete("files", "one.wav", "somebody")


def test_who_dies_between_the_rows_and_the_bytes_leaves_them_to_the_next(assay: Assay) -> None:
    items = [send(assay, waves.wav(2 + number), f"{number}.wav")[0] for number in range(3)]
    with assay.database.writing() as connection:
        for item in items[:2]:
            delete_name(connection, "files", item.name, "somebody")
    there = [assay.artifacts.path(item.digest) for item in items]
    assert all(file.exists() for file in there)
    assert Deleting(assay).clear() == 2
    assert [file.exists() for file in there] == [False, False, True]
    assert Deleting(assay).clear() == 0


def test_bytes_that_cannot_be_removed_now_are_removed_later(assay: Assay) -> None:
    item, _ = send(assay, waves.wav())
    file = assay.artifacts.path(item.digest)
    file.unlink()
    file.mkdir()  # which cannot be unlinked
    Deleting(assay).delete("files", "one.wav", "somebody")
    assert [one.id for one in assay.items.uncleared(10)] == [item.id]
    shutil.rmtree(file)
    file.write_bytes(waves.wav())
    assert Deleting(assay).clear() == 1
    assert not file.exists()


def test_the_same_bytes_can_be_sent_again(assay: Assay) -> None:
    item, _ = send(assay, waves.wav())
    Deleting(assay).delete("files", "one.wav", "somebody")
    again, new = send(assay, waves.wav())
    assert (new, again.id != item.id) == (True, True)
    assert Deleting(assay).clear() == 0
    assert assay.artifacts.confirmed(again.digest)


def test_bytes_that_nothing_names_are_let_go(assay: Assay) -> None:
    item, _ = send(assay, waves.wav())
    other = assay.artifacts.put(b"whatever")
    Deleting(assay).let_go([item.digest, other])
    assert assay.artifacts.confirmed(item.digest)
    assert not assay.artifacts.path(other).exists()
