"""Items: one lives under a name, other bytes end it, and whoever looks finds the same in either database."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from assay.domain.items.item import Item, Sound
from assay.domain.items.refusal import Refusal
from assay.errors import ItemNotFound
from assay.store import datasets, uploads
from assay.store.audit import Audit
from assay.store.database import Database
from assay.store.items import holds, items, refusals
from assay.store.items.items import KeptItems
from assay.store.items.refusals import Refusals
from assay.store.paging import Window
from assay.store.uploads import Uploads
from tests import rows
from tests.store.test_uploads import part

ALL = Window(limit=100)


def add(database: Database, item: Item) -> tuple[Item, bool]:
    with database.writing() as connection:
        return items.add(connection, item)


def watched(place: str, digest: str = "ab" * 32, **told: Any) -> Item:
    return rows.item(origin="watched", place=place, digest=digest, **told)


@pytest.fixture
def kept(database: Database) -> KeptItems:
    return KeptItems(database)


def test_an_item_comes_back_as_it_was(kept: KeptItems, database: Database) -> None:
    sound = Sound(format="flac", rate=44_100, channels=2, frames=2**40, notes=("truncated", "silent"))
    item = rows.item("ä☃ \"'\\<script>.wav", sound=sound, size=2**40, origin="watched", place="7 9", by="HTTP")
    assert add(database, item) == (item, True)
    assert kept.find("files", item.name) == item
    with pytest.raises(ItemNotFound, match=r"'files' has no item named 'other'"):
        kept.find("files", "other")
    with pytest.raises(ItemNotFound):
        kept.find("others", item.name)


def test_the_same_bytes_under_the_same_name_are_one_item(kept: KeptItems, database: Database) -> None:
    first = rows.item()
    add(database, first)
    assert add(database, rows.item()) == (first, False)
    assert add(database, rows.item(collection="others"))[1]
    assert add(database, rows.item("two.wav", digest=first.digest))[1]
    assert kept.counts() == {"files": 2, "others": 1}


def test_other_bytes_under_a_name_end_what_was_there(kept: KeptItems, database: Database) -> None:
    first, second = rows.item(), rows.item(digest="cd" * 32, by="somebody")
    add(database, first)
    assert add(database, second) == (second, True)
    assert kept.find("files", "one.wav") == second
    newest, oldest = kept.revisions("files", "one.wav")
    assert (newest, oldest.id, oldest.ending) == (second, first.id, "replaced")
    assert oldest.ended_at is not None
    (told,) = Audit(database).page(ALL).entries
    assert (told.action, told.subject, told.by) == ("item.replace", "files/one.wav", "somebody")
    assert (told.before["digest"], told.after["digest"]) == (first.digest, second.digest)


def test_items_are_listed_by_name_however_they_came(kept: KeptItems, database: Database) -> None:
    names = ["b.wav", "a.wav", "ä.wav", "B.wav", "a/1.wav", "a/2.wav", "a0.wav", "☃", "\U0001f600"]
    for name in names:
        add(database, rows.item(name))
    add(database, rows.item("other", collection="others"))
    found = [one.name for one in kept.page("files")]
    assert found == sorted(names)
    assert [one.name for one in kept.page("files", limit=2)] == found[:2]
    assert [one.name for one in kept.page("files", limit=3, after=found[1])] == found[2:5]
    assert [one.name for one in kept.page("files", after=found[-1])] == []
    assert [one.name for one in kept.page("files", prefix="a/")] == ["a/1.wav", "a/2.wav"]
    assert [one.name for one in kept.page("files", prefix="a/", after="a/1.wav")] == ["a/2.wav"]
    assert kept.page("files", prefix="x") == []


def test_the_newest_come_first_page_by_page(kept: KeptItems, database: Database) -> None:
    for number in range(5):
        add(database, rows.item(f"{number}.wav"))
    with database.writing() as connection:
        items.end(connection, items.find(connection, "files", "3.wav"), "deleted")
    first = kept.newest("files", Window(limit=2))
    assert [one.name for one in first.entries] == ["4.wav", "2.wav"]
    second = kept.newest("files", Window(limit=2, cursor=first.next_cursor))
    assert ([one.name for one in second.entries], second.next_cursor) == (["1.wav", "0.wav"], None)


def test_an_item_that_has_ended_is_found_no_more(kept: KeptItems, database: Database) -> None:
    first = rows.item()
    add(database, first)
    with database.writing() as connection:
        items.end(connection, first, "deleted")
    with pytest.raises(ItemNotFound):
        kept.find("files", "one.wav")
    assert (kept.page("files"), kept.counts()) == ([], {})
    again = rows.item()
    assert add(database, again) == (again, True)


def test_a_watched_file_that_only_looks_new_is_the_one_that_is_there(kept: KeptItems, database: Database) -> None:
    first = watched("1")
    add(database, first)
    found, new = add(database, watched("2"))
    assert (found.id, found.place, new) == (first.id, "2", False)
    assert kept.places("files") == {"one.wav": "2"}


def test_a_watched_file_that_was_deleted_comes_back_when_its_bytes_change(kept: KeptItems, database: Database) -> None:
    add(database, first := watched("1"))
    with database.writing() as connection:
        items.end(connection, first, "deleted")
    found, new = add(database, watched("2"))
    assert (found.id, new) == (first.id, False)
    with pytest.raises(ItemNotFound):
        kept.find("files", "one.wav")
    assert kept.places("files") == {"one.wav": "2"}
    assert add(database, watched("3", "cd" * 32))[1]
    assert add(database, watched("4", "ab" * 32))[1], "it had other bytes meanwhile"


def test_a_watched_file_does_not_replace_what_was_uploaded_since(kept: KeptItems, database: Database) -> None:
    add(database, watched("1"))
    add(database, uploaded := rows.item(digest="cd" * 32))
    assert not add(database, watched("2"))[1]
    assert kept.find("files", "one.wav") == uploaded
    with database.writing() as connection:
        items.end(connection, uploaded, "deleted")
    assert not add(database, watched("3"))[1], "the name was deleted, and the file has not changed"
    assert add(database, watched("4", "ef" * 32))[1]


def test_what_an_upload_deleted_was_no_watched_file(database: Database) -> None:
    add(database, first := rows.item(digest="ab" * 32))
    with database.writing() as connection:
        items.end(connection, first, "deleted")
    assert add(database, watched("1"))[1]


def test_a_file_that_is_an_item_now_is_refused_no_more(database: Database) -> None:
    with database.writing() as connection:
        for name in ("one.wav", "two.wav"):
            told = Refusal(collection="files", name=name, place="1", at=1, code="audio_rejected", error="It is empty.")
            refusals.put(connection, told)
    add(database, watched("2"))
    assert Refusals(database).places("files") == {"two.wav": "1"}


def test_bytes_are_named_by_live_items_snapshots_and_uploads(kept: KeptItems, database: Database) -> None:
    add(database, first := rows.item(digest="ab" * 32))
    Uploads(database).create("mine", "stone", "a test")
    with database.writing() as connection:
        holds.add(connection, "55" * 32, ["12" * 32])
        uploads.add(connection, part("34" * 32), uploads.find(connection, "mine").id)
        datasets.add(connection, rows.dataset(id="56" * 32, removed_file="78" * 32))
    known = ["ab" * 32, "12" * 32, "34" * 32, "56" * 32, "78" * 32]
    assert [kept.named(one) for one in (*known, "ff" * 32)] == [True] * 5 + [False]
    with database.writing() as connection:
        items.end(connection, first, "replaced")
    assert not kept.named("ab" * 32)


def test_what_has_ended_is_looked_to_once(kept: KeptItems, database: Database) -> None:
    made = [rows.item(f"{number}.wav") for number in range(4)]
    for one in made:
        add(database, one)
    assert kept.uncleared(10) == []
    with database.writing() as connection:
        for one in made[:3]:
            items.end(connection, one, "deleted")
    assert [one.id for one in kept.uncleared(2)] == [one.id for one in made[:2]]
    kept.clear([made[0].id, made[2].id])
    assert [one.id for one in kept.uncleared(10)] == [made[1].id]


def test_of_many_at_once_under_one_name_one_lives(kept: KeptItems, database: Database) -> None:
    def work(number: int) -> None:
        add(database, rows.item(digest=f"{number % 3:064x}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(kept.page("files")) == 1
    found = kept.revisions("files", "one.wav")
    assert [one.ending for one in found] == [""] + ["replaced"] * (len(found) - 1)
