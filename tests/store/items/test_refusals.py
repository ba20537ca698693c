"""Refusals: one a file, the last that was told, until the file is gone."""

from __future__ import annotations

from typing import Any

from assay.domain.items.refusal import Refusal
from assay.store.database import Database
from assay.store.items import refusals
from assay.store.items.refusals import AT_ONCE, Refusals


def refusal(name: str, **told: Any) -> Refusal:
    made: dict[str, Any] = {
        "collection": "files", "name": name, "place": "7 9", "at": 5, "code": "audio_rejected", "error": "It is empty.",
    }  # fmt: skip
    return Refusal(**(made | told))


def put(database: Database, *told: Refusal) -> None:
    with database.writing() as connection:
        for one in told:
            refusals.put(connection, one)


def test_they_come_back_by_name_page_by_page(database: Database) -> None:
    made = [refusal(name) for name in ("b", "a", "ä")]
    put(database, *made, refusal("x", collection="others"))
    held = Refusals(database)
    assert held.page("files") == [made[1], made[0], made[2]]
    assert held.page("files", limit=1, after="a") == [made[0]]
    assert held.counts() == {"files": 3, "others": 1}


def test_the_last_that_was_told_counts(database: Database) -> None:
    put(database, refusal("a"), refusal("a", place="8 9", code="audio_unsupported"))
    (found,) = Refusals(database).page("files")
    assert (found.place, found.code) == ("8 9", "audio_unsupported")
    assert Refusals(database).places("files") == {"a": "8 9"}


def test_files_that_are_gone_are_forgotten_however_many(database: Database) -> None:
    names = [f"{number:04}" for number in range(AT_ONCE + 2)]
    put(database, *map(refusal, names), refusal(names[0], collection="others"))
    held = Refusals(database)
    held.forget("files", names[1:])
    held.forget("files", [])
    assert (held.counts(), held.places("files")) == ({"files": 1, "others": 1}, {names[0]: "7 9"})
