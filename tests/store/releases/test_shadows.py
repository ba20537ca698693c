"""A shadow's mark moves once from each place, and what is open is told from what is over."""

from __future__ import annotations

from assay.domain.releases.rollout import Rollout
from assay.store.database import Database
from assay.store.paging import first_id
from assay.store.releases.rollouts import Rollouts
from assay.store.releases.shadows import Shadows, move
from tests import rows

AT = 1_700_000_000_000_000
SECOND = 1_000_000


def tried(database: Database, *shadows: int, at: int = AT, name: str = "checkout") -> Rollout:
    """An experiment with these shadows."""
    return Rollouts(database).append(rows.rollout(1, at=at, experiment=name, shadows=shadows))


def test_before_it_was_asked_anything_a_shadow_stands_at_the_beginning(database: Database) -> None:
    rollout = tried(database, 7, 8)
    first, second = Shadows(database).courses("stone")
    assert (first.rollout, first.shadow.version, first.shadow.upto) == (rollout, 7, first_id(AT))
    assert (second.shadow.version, second.shadow.asked, second.ended) == (8, 0, None)
    assert Shadows(database).open("stone") == [first, second]
    assert Shadows(database).models() == ["stone"]


def test_without_shadows_nothing_is_open(database: Database) -> None:
    Rollouts(database).append(rows.rollout(1))
    assert Shadows(database).courses("stone") == []
    assert Shadows(database).models() == []


def test_a_mark_moves_once_from_each_place(database: Database) -> None:
    tried(database, 7)
    begun = Shadows(database).courses("stone")[0].shadow
    first = begun.moved("a", 5, asked=3, skipped={"model_error": 1})
    with database.writing() as connection:
        assert move(connection, begun, first)
    with database.writing() as connection:
        assert not move(connection, begun, begun.moved("b", 6, asked=9))
    assert Shadows(database).courses("stone")[0].shadow == first
    with database.writing() as connection:
        assert move(connection, first, second := first.moved("b", 7, asked=1))
    assert Shadows(database).courses("stone")[0].shadow == second


def test_a_shadow_is_over_once_it_has_reached_the_next_decision(database: Database) -> None:
    tried(database, 7)
    Rollouts(database).append(rows.rollout(1, at=AT + SECOND, model="other"))
    ended = tried(database, 8, at=AT + 2 * SECOND)
    before, after = Shadows(database).courses("stone")
    assert (before.ended, before.end, after.ended) == (ended.at, first_id(ended.at), None)
    assert not before.over
    with database.writing() as connection:
        move(connection, before.shadow, before.shadow.moved(first_id(ended.at), 9))
    assert Shadows(database).courses("stone")[0].over
    assert Shadows(database).course(before.rollout, 7).over
    assert Shadows(database).course(ended, 8) == after
    assert [one.shadow.version for one in Shadows(database).open("stone")] == [8]


def test_the_shadows_of_one_experiment_are_told_from_others(database: Database) -> None:
    tried(database, 7)
    tried(database, 9, at=AT + SECOND, name="another")
    assert [one.shadow.version for one in Shadows(database).courses("stone", "another")] == [9]


def test_the_clock_is_that_of_the_store(database: Database) -> None:
    with database.reading() as connection:
        assert abs(Shadows(database).now() - database.now(connection)) < 10 * SECOND
