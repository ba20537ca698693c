"""Items that cannot be scored rest, each time for longer, and are told by their reasons."""

from __future__ import annotations

import pytest

from assay.store.database import Database
from assay.store.items import failures, items
from assay.store.items.failures import FIRST_REST_US, LONGEST_ERROR, LONGEST_REST_US, Failed, Failures
from tests import said

NOW = 1_000_000_000


def fail(database: Database, *failed: Failed, version: int = 1, now: int = NOW) -> int:
    with database.writing() as connection:
        return failures.fail(connection, said.MODEL, version, failed, now)


@pytest.mark.parametrize(
    ("attempts", "of_model", "rest_us"),
    [(1, False, FIRST_REST_US), (2, False, 2 * FIRST_REST_US), (40, False, LONGEST_REST_US), (40, True, 120_000_000)],
)
def test_each_rest_is_twice_as_long_within_limits(attempts: int, of_model: bool, rest_us: int) -> None:
    assert failures.rest_us(attempts, of_model=of_model) == rest_us


def test_a_failure_is_counted_until_the_item_is_scored(database: Database) -> None:
    one, other = said.keep(database, "one", "other")
    assert fail(database) == 0
    assert fail(database, Failed(one.id, "a", "because"), Failed(other.id, "a", "because")) == 2
    assert fail(database, Failed(one.id, "b", "x" * 5000), now=NOW + 1) == 0, "it failed before"
    assert fail(database, Failed(one.id, "b", "other"), version=2) == 1
    first, second = Failures(database).of_item(one.id)
    assert (first.version, first.attempts, first.code, first.at) == (1, 2, "b", NOW + 1)
    assert (first.retry_at, len(first.error)) == (NOW + 1 + 2 * FIRST_REST_US, LONGEST_ERROR)
    assert (second.version, second.attempts) == (2, 1)
    with database.writing() as connection:
        assert failures.succeed(connection, said.MODEL, 1, [one.id, "nothing"]) == 1
        assert failures.succeed(connection, said.MODEL, 1, []) == 0
    assert [each.version for each in Failures(database).of_item(one.id)] == [2]


def test_reasons_are_counted_with_the_newest_item_as_an_example(database: Database) -> None:
    kept = said.keep(database, "one", "two", "three", "gone")
    fail(database, *(Failed(each.id, "a", f"of {each.name}") for each in kept[:2]))
    fail(database, Failed(kept[2].id, "b", "alone"), Failed(kept[3].id, "c", "ended"))
    with database.writing() as connection:
        items.end(connection, kept[3], "deleted")
    found = Failures(database).reasons(said.COLLECTION, said.MODEL, 1)
    assert [(each.code, each.items, each.example, each.error) for each in found] == [
        ("a", 2, "two", "of two"), ("b", 1, "three", "alone"),
    ]  # fmt: skip
    assert Failures(database).reasons("another", said.MODEL, 1) == []


def test_whoever_wants_it_now_ends_every_rest(database: Database) -> None:
    (one,) = said.keep(database, "one")
    fail(database, Failed(one.id, "a", ""))
    Failures(database).wake("another")
    assert Failures(database).of_item(one.id)[0].retry_at > 0
    Failures(database).wake(said.MODEL)
    assert Failures(database).of_item(one.id)[0].retry_at == 0
