"""What is left is derived from the tables, the newest first, and found by indexes however many items there are."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from assay.clock import new_ids
from assay.domain.items.item import Item
from assay.store.database import Database
from assay.store.items import failures, items
from assay.store.items.failures import Failed
from assay.store.items.groups import Groups
from assay.store.items.latest import Latests
from assay.store.items.remaining import Remaining, Waiting
from assay.store.items.scores import scores, values_of
from assay.store.items.standings import standings
from tests import said

MANY = 4_000
HOUR_US = 3_600_000_000


@pytest.fixture
def remaining(database: Database) -> Remaining:
    return Remaining(database)


def names(found: list[Waiting]) -> list[str]:
    return [one.name for one in found]


def fail(database: Database, *kept: Item, ago_us: int = 0) -> None:
    with database.writing() as connection:
        now = database.now(connection) - ago_us
        failures.fail(connection, said.MODEL, 1, [Failed(one.id, "a", "") for one in kept], now)


def test_items_without_a_set_wait_the_newest_first(database: Database, remaining: Remaining) -> None:
    kept = said.keep(database, *"abcde")
    said.keep(database, "elsewhere", collection="another")
    said.add(database, [said.score(kept[2])])
    said.add(database, [said.score(kept[3], 2)])
    found = remaining.page(said.work())
    assert names(found) == ["e", "d", "b", "a"]
    assert (found[0].item, found[0].digest, found[0].seconds) == (kept[4].id, kept[4].digest, said.SECONDS)
    assert names(remaining.page(said.work(2))) == ["e", "c", "b", "a"]
    assert names(remaining.page(said.work(1, run=5))) == ["e", "d", "c", "b", "a"]
    assert remaining.page(said.work()._replace(model="other", collection="nothing")) == []


def test_pages_lie_between_two_sequences(database: Database, remaining: Remaining) -> None:
    said.keep(database, *"abcde")
    first = remaining.page(said.work(), limit=2)
    second = remaining.page(said.work(), before=first[-1].sequence, limit=2)
    assert names(first + second) == ["e", "d", "c", "b"]
    newest = remaining.newest(said.COLLECTION)
    assert newest == first[0].sequence
    said.keep(database, "f")
    assert names(remaining.page(said.work(), after=newest)) == ["f"]
    assert [len(remaining.arrived(said.COLLECTION, after, 10)) for after in (newest, 0)] == [1, 6]
    assert len(remaining.arrived(said.COLLECTION, 0, 4)) == 4


def test_an_item_that_has_ended_waits_no_more(database: Database, remaining: Remaining) -> None:
    kept = said.keep(database, "a", "b", "c")
    with database.writing() as connection:
        items.end(connection, kept[2], "deleted")
    said.keep(database, "b", digest="ef" * 32)
    assert names(remaining.page(said.work())) == ["b", "a"]
    assert remaining.live(said.COLLECTION) == 2
    assert remaining.newest("nothing") == 0


def test_what_failed_rests_and_then_waits_again(database: Database, remaining: Remaining) -> None:
    resting, rested, scored = said.keep(database, "resting", "rested", "scored")
    fail(database, resting)
    fail(database, rested, scored, ago_us=HOUR_US)
    with database.writing() as connection:
        connection.execute(insert(scores).values(values_of(said.score(scored))))
    assert names(remaining.page(said.work())) == ["rested"]
    assert names(remaining.due(said.work())) == ["rested"]
    assert names(remaining.page(said.work(2))) == ["scored", "rested", "resting"], "another version has not failed"
    assert remaining.due(said.work(2)) == []
    assert remaining.due(said.work()._replace(collection="another")) == []


def test_what_is_left_is_counted(database: Database, remaining: Remaining) -> None:
    kept = said.keep(database, *(f"item {place}" for place in range(30)))
    said.add(database, [said.score(one) for one in kept[:10]])
    fail(database, *kept[10:15])
    assert remaining.count(said.work()) == (30, 30, 15)
    assert remaining.count(said.work(2)) == (30, 30, 30)

    def mine(digest: str) -> bool:
        return digest < "8"

    counted = remaining.count(said.work(), mine)
    assert counted.wanted == sum(mine(one.digest) for one in kept)
    assert counted.pending == sum(mine(one.digest) for one in kept[15:])
    assert remaining.count(said.work()._replace(collection="nothing")) == (0, 0, 0)


def test_a_long_count_by_digest_goes_on_where_a_part_ends(
    database: Database, remaining: Remaining, monkeypatch: pytest.MonkeyPatch
) -> None:
    said.keep(database, *(f"item {place}" for place in range(7)))
    monkeypatch.setattr("assay.store.items.remaining.COUNTED_AT_ONCE", 3)
    assert remaining.count(said.work(), lambda _: True) == (7, 7, 7)


def test_sets_that_stand_by_an_earlier_decision_are_behind(database: Database, remaining: Remaining) -> None:
    kept = said.keep(database, *"abc")
    said.rule(database, 1)
    said.add(database, [said.score(one) for one in kept[:2]])
    said.rule(database, 2)
    said.add(database, [said.score(kept[0], 2)])
    said.add(database, [said.score(kept[1], run=3), said.score(kept[1], run=2)])
    back = said.rule(database, 1).sequence
    behind = remaining.behind(said.work(), back)
    assert [(one.digest, one.standing.version, one.standing.run) for one in behind] == [
        (kept[1].digest, 1, 3), (kept[0].digest, 1, 0),
    ]  # fmt: skip
    assert [one.digest for one in remaining.behind(said.work(), back, before=behind[0].sequence)] == [kept[0].digest]
    assert Groups(database).stand([one.standing for one in behind], back) == 2
    assert remaining.behind(said.work(), back) == []
    assert remaining.behind(said.work(9), back) == []


def test_a_set_that_stands_nowhere_is_behind(database: Database, remaining: Remaining) -> None:
    (one,) = said.keep(database, "one")
    said.add(database, [said.score(one)])
    decision = said.rule(database, 1).sequence
    assert [each.standing.item for each in remaining.behind(said.work(), decision)] == [one.id]


def test_pages_and_readings_are_found_by_indexes(database: Database, remaining: Remaining) -> None:
    fill(database)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, told: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and "FROM" in statement:
            asked.append((statement, told))

    event.listen(database.engine, "before_cursor_execute", note)  # type: ignore[attr-defined]  # both kinds have one
    remaining.page(said.work(2), limit=10)
    remaining.page(said.work(1), after=MANY - 5)
    remaining.due(said.work(2))
    remaining.behind(said.work(1), 9, limit=10)
    remaining.newest(said.COLLECTION)
    Latests(database).find(said.COLLECTION, "item 7")
    event.remove(database.engine, "before_cursor_execute", note)  # type: ignore[attr-defined]  # as above
    for statement, told in list(asked):
        plan = "\n".join(explained(database, statement, told))
        assert "SCAN items" not in plan, plan
        assert "SCAN scores" not in plan, plan
        assert "Seq Scan on items" not in plan, plan
        assert "Seq Scan on scores" not in plan, plan


def explained(database: Database, statement: str, told: Any) -> list[str]:
    """How the database goes about it."""
    head = "EXPLAIN " if database.kind == "postgresql" else "EXPLAIN QUERY PLAN "
    with database.reading() as connection:
        return [str(row[-1]) for row in connection.exec_driver_sql(head + statement, told)]


def fill(database: Database) -> None:
    """Many items, each with a set of version 1 that stands."""
    ids = new_ids(MANY)
    kept = [
        said.item(f"item {place}", id=id, digest=hashlib.sha256(id.encode()).hexdigest())
        for place, id in enumerate(ids)
    ]
    sets = [said.score(one, id=id) for one, id in zip(kept, new_ids(MANY), strict=True)]
    stood = [
        {"item": one.item, "model": one.model, "score": one.id, "version": 1, "run": 0, "decision": 1, "at": 1}
        for one in sets
    ]
    with database.writing() as connection:
        connection.execute(insert(items.items), [items._values(one) for one in kept])
        connection.execute(insert(scores), [values_of(one) for one in sets])
        connection.execute(insert(standings), stood)
        connection.execute(text("ANALYZE"))
