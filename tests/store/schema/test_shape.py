"""What tables there are is told alike by both databases, and what is missing is named."""

from __future__ import annotations

from assay.store.database import Database
from assay.store.schema.shape import Shape, differences, shape_of, todays


def test_a_store_has_what_todays_migrations_make(database: Database) -> None:
    with database.reading() as connection:
        found = shape_of(connection)
    assert found.keys() == todays().keys()
    assert differences(found, todays()) == []
    assert "prediction" in found["outcomes"].columns
    assert (True, ("idempotency_key",)) in found["exchanges"].indexes
    assert (True, ("dataset", "file")) in found["uploads"].indexes


def test_what_is_missing_is_named_and_what_is_more_is_not() -> None:
    wanted = {
        "a": Shape(frozenset({"x", "y"}), frozenset({(True, ("x",)), (False, ("x", "y"))})),
        "b": Shape(frozenset(), frozenset()),
    }
    found = {"a": Shape(frozenset({"x", "z"}), frozenset({(False, ("x",)), (False, ("x", "y"))}))}
    assert differences(found | {"stranger": wanted["b"]}, wanted) == [
        "the table b is missing", "the column a.y is missing", "the index on a (x) is missing"
    ]  # fmt: skip
