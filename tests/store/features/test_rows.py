"""Of every entity it is known what holds now, and what held at any time before."""

from __future__ import annotations

from typing import Any

import pytest

from assay.clock import now_us
from assay.errors import EntityNotFound
from assay.store.audit import Audit
from assay.store.database import Database
from assay.store.features import rows as module
from assay.store.features.rows import FeatureRows, Kept
from assay.store.paging import Window


@pytest.fixture
def kept(database: Database) -> FeatureRows:
    return FeatureRows(database)


def put(kept: FeatureRows, features: str = "users", **rows: int) -> Kept:
    """Keeps one number of each entity."""
    return kept.put(features, {key: f'{{"n":{value}}}' for key, value in rows.items()}, "a test")


def test_what_is_put_is_found_and_what_is_equal_changes_nothing(kept: FeatureRows) -> None:
    assert put(kept, a=1, b=2) == Kept(added=2)
    first = kept.find("users", "a")
    assert (first.values, first.by, first.ended_at) == ({"n": 1}, "a test", None)
    assert put(kept, a=1, b=3, c=4) == Kept(added=1, changed=1, unchanged=1)
    assert kept.find("users", "a") == first
    assert kept.find("users", "b").values == {"n": 3}
    with pytest.raises(EntityNotFound):
        kept.find("others", "a")


def test_many_are_looked_up_at_once_in_any_table(kept: FeatureRows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    put(kept, a=1, b=2, c=3)
    put(kept, "shops", a=9)
    wanted = [("users", "a"), ("shops", "a"), ("users", "c"), ("users", "b"), ("users", "a"), ("users", "nobody")]
    found = kept.look(wanted)
    assert {subject: one.values["n"] for subject, one in found.items()} == {
        ("users", "a"): 1, ("users", "b"): 2, ("users", "c"): 3, ("shops", "a"): 9,
    }  # fmt: skip
    assert kept.look([]) == {}


def test_what_was_known_at_a_time_is_what_was_found_then(kept: FeatureRows) -> None:
    seen: list[tuple[int, Any]] = []
    with pytest.raises(EntityNotFound):
        kept.as_of("users", "a", now_us())
    for value in (1, 2, 3):
        put(kept, a=value)
        seen.append((now_us(), value))
    kept.delete("users", "a", "a test")
    seen.append((now_us(), None))
    put(kept, a=4)
    seen.append((now_us(), 4))
    for at, value in seen:
        if value is None:
            with pytest.raises(EntityNotFound):
                kept.as_of("users", "a", at)
        else:
            assert kept.as_of("users", "a", at).values == {"n": value}
    states = kept.history("users", "a")
    assert [one.values["n"] for one in states] == [4, 3, 2, 1]
    assert [one.at for one in kept.history("users", "a", limit=2, before=states[0].at)] == [
        one.at for one in states[1:3]
    ]
    assert kept.states("users", ["a", "b"]) == {"a": states[::-1]}


def test_a_clock_that_was_set_back_keeps_the_order(kept: FeatureRows, monkeypatch: pytest.MonkeyPatch) -> None:
    put(kept, a=1)
    was = kept.find("users", "a").at
    monkeypatch.setattr(module, "now_us", lambda: was - 1_000_000)
    put(kept, a=2)
    kept.delete("users", "a", "a test")
    put(kept, a=3)
    states = kept.history("users", "a")
    assert [one.values["n"] for one in states] == [3, 2, 1]
    assert [one.at for one in states] == sorted((one.at for one in states), reverse=True)
    assert all(one.ended_at is not None and one.ended_at > one.at for one in states[1:])


def test_a_deleted_entity_is_gone_and_its_deletion_is_in_the_audit(kept: FeatureRows, database: Database) -> None:
    put(kept, a=1)
    kept.delete("users", "a", "somebody")
    with pytest.raises(EntityNotFound):
        kept.find("users", "a")
    with pytest.raises(EntityNotFound):
        kept.delete("users", "a", "somebody")
    (found,) = Audit(database).page(Window(limit=10)).entries
    assert (found.action, found.subject, found.by) == ("entity.delete", "users/a", "somebody")


def test_entities_are_paged_by_key_and_counted(kept: FeatureRows) -> None:
    assert (kept.known("users"), kept.count("users")) == (False, 0)
    put(kept, c=1, a=2, b=3, d=4)
    put(kept, a=5)
    kept.delete("users", "d", "a test")
    assert [(one.key, one.values["n"]) for one in kept.page("users")] == [("a", 5), ("b", 3), ("c", 1)]
    assert [one.key for one in kept.page("users", limit=1, after="a")] == ["b"]
    assert (kept.known("users"), kept.count("users")) == (True, 3)
