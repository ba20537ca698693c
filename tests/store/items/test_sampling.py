"""Of the newest live items each version's newest sets are found, whatever else is kept."""

from __future__ import annotations

import pytest

from assay.store.database import Database
from assay.store.items import items, sampling
from assay.store.items.sampling import Sampling
from tests import said


def test_the_newest_live_items_come_first(database: Database) -> None:
    made = said.keep(database, "one", "two", "three", "four")
    other = said.keep(database, "elsewhere", collection="others")
    with database.writing() as connection:
        items.end(connection, made[2], "deleted")
    found = Sampling(database)
    assert found.items([said.COLLECTION], 2) == [made[3].id, made[1].id]
    assert found.items([said.COLLECTION, "others"], 9) == [other[0].id, made[3].id, made[1].id, made[0].id]
    assert found.items([], 9) == []


@pytest.mark.parametrize("chunk", [1, 200])
def test_each_version_has_its_newest_set_of_an_item(
    database: Database, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(sampling, "CHUNK", chunk)
    one, two = said.keep(database, "one", "two")
    early, late = said.score(one, 1, run=10), said.score(one, 1, run=20)
    other, second = said.score(two, 1), said.score(one, 2)
    for each in (early, late, other, second):
        said.add(database, [each])
    found = Sampling(database)
    assert {each.id for each in found.sets(said.MODEL, 1, [one.id, two.id])} == {late.id, other.id}
    assert found.sets(said.MODEL, 2, [one.id, two.id]) == [second]
    assert found.sets("another", 1, [one.id]) == found.sets(said.MODEL, 1, []) == []
