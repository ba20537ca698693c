"""A name that is deleted takes with it all that was said, and leaves its trace in the audit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, insert, select

from assay.clock import new_id, now_us
from assay.domain.items.item import Item
from assay.errors import ItemNotFound
from assay.store.audit import Audit
from assay.store.database import Database
from assay.store.items import ending, items
from assay.store.items.failures import failures
from assay.store.items.items import KeptItems
from assay.store.items.scores import scores
from assay.store.items.standings import standings
from assay.store.paging import Window
from tests import rows


def said_of(database: Database, item: Item, **told: Any) -> None:
    """A score that stands, and a failure of another version."""
    mine = {"item": item.id, "model": "phrases", "version": 1, "at": now_us()}
    score = mine | {"id": new_id(), "run": 0, "seconds": 1, "labels": '["a"]', "took_us": 1}
    failure = mine | {"version": 2, "attempts": 1, "retry_at": 0, "code": "x", "error": "y"}
    with database.writing() as connection:
        connection.execute(insert(scores).values(confidences=np.zeros(1, np.float32).tobytes(), **score))
        connection.execute(insert(standings).values(score=score["id"], run=0, decision=1, **mine))
        connection.execute(insert(failures).values(failure))


def counted(database: Database) -> list[int]:
    with database.reading() as connection:
        return [
            int(connection.execute(select(func.count()).select_from(table)).scalar() or 0)
            for table in (scores, standings, failures)
        ]


def test_it_takes_what_was_said_of_every_item_that_had_the_name(database: Database) -> None:
    made = [rows.item(digest="ab" * 32), rows.item(digest="cd" * 32), rows.item("two.wav")]
    for one in made:
        with database.writing() as connection:
            items.add(connection, one)
        said_of(database, one)
    assert counted(database) == [3, 3, 3]
    with database.writing() as connection:
        assert ending.delete_name(connection, "files", "one.wav", "somebody").id == made[1].id
    assert counted(database) == [1, 1, 1]
    kept = KeptItems(database)
    assert [one.name for one in kept.page("files")] == ["two.wav"]
    assert [one.ending for one in kept.revisions("files", "one.wav")] == ["deleted", "replaced"]
    told = Audit(database).page(Window()).entries[0]
    assert (told.action, told.subject, told.by) == ("item.delete", "files/one.wav", "somebody")
    assert told.before == {"id": made[1].id, "digest": "cd" * 32, "scores": 2}


def test_what_is_not_there_cannot_be_deleted(database: Database) -> None:
    for _ in range(2):
        with database.writing() as connection, pytest.raises(ItemNotFound):
            ending.delete_name(connection, "files", "one.wav", "somebody")
    assert Audit(database).page(Window()).entries == []
