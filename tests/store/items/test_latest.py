"""Readers of a name are given its live item, what stands of each model, and what fails, as of one moment."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import event

from assay.errors import ItemNotFound
from assay.store.database import Database
from assay.store.items import items, scores
from assay.store.items.failures import Failed
from assay.store.items.groups import Group, Groups
from assay.store.items.latest import Latests
from assay.store.items.standings import stand
from tests import said


def test_an_item_that_nobody_has_scored_is_given_without_sets(database: Database) -> None:
    (one,) = said.keep(database, "ä/one")
    found = Latests(database).find(said.COLLECTION, "ä/one")
    assert (found.item, found.given, found.failures) == (one, [], [])
    for collection, name in ((said.COLLECTION, "two"), ("another", "ä/one")):
        with pytest.raises(ItemNotFound, match=name):
            Latests(database).find(collection, name)
    with database.writing() as connection:
        items.end(connection, one, "deleted")
    with pytest.raises(ItemNotFound):
        Latests(database).find(said.COLLECTION, "ä/one")


def test_the_set_of_each_model_is_given_whole(database: Database) -> None:
    (one,) = said.keep(database, "one")
    said.rule(database, 1)
    made = said.score(one)
    said.add(database, [made], failed=[Failed(one.id, "a", "because")])
    other = msgspec.structs.replace(made, id="f" * 32, model="another", version=7)
    with database.writing() as connection:
        scores.add(connection, [other])
        stand(connection, [msgspec.structs.replace(standing(database), model="another", score=other.id, version=7)])
    latests = Latests(database)
    found = latests.find(said.COLLECTION, "one")
    assert [each.score for each in found.given] == [other, made]
    assert [each.standing.version for each in found.given] == [7, 1]
    only = latests.find(said.COLLECTION, "one", said.MODEL)
    assert [each.score for each in only.given] == [made]
    assert latests.find(said.COLLECTION, "one", "nothing").given == []


def standing(database: Database) -> Any:
    return Latests(database).find(said.COLLECTION, "one", said.MODEL).given[0].standing


def test_what_fails_is_told_with_it(database: Database) -> None:
    one, _ = said.keep(database, "one", "other")
    begun = said.sweep(database)
    group = Group(sweep=begun.id, model=said.MODEL, version=1, failed=[Failed(one.id, "a", "because")])
    Groups(database).add(group)
    (failure,) = Latests(database).find(said.COLLECTION, "one").failures
    assert (failure.code, failure.error, failure.version) == ("a", "because", 1)
    assert Latests(database).find(said.COLLECTION, "other").failures == []
    assert Latests(database).find(said.COLLECTION, "one", "another").failures == []


def test_the_sets_are_found_by_one_query(database: Database) -> None:
    (one,) = said.keep(database, "one")
    said.rule(database, 1)
    said.add(database, [said.score(one)])
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)  # type: ignore[attr-defined]  # both kinds have one
    Latests(database).find(said.COLLECTION, "one")
    assert sum("scores" in statement for statement in asked) == 1
