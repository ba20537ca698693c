"""A group is kept with all that follows from it in one transaction; whoever rules then decides what stands."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from assay.domain.items.score import Standing
from assay.domain.releases.rollout import Arm
from assay.errors import LeaseLost
from assay.store.database import Database
from assay.store.items import items
from assay.store.items.failures import Failed, Failures, failures
from assay.store.items.groups import Group, Groups, forget
from assay.store.items.latest import Latests
from assay.store.items.scores import Scores, scores
from assay.store.items.standings import standings
from assay.store.items.sweeps import Sweeps
from tests import said


def given(database: Database, name: str) -> list[tuple[int, int, int]]:
    """The version, run and decision of what readers are given."""
    found = Latests(database).find(said.COLLECTION, name).given
    return [(one.score.version, one.score.run, one.standing.decision) for one in found]


def count(database: Database, table: Any) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def standing(database: Database, name: str, version: int, decision: int) -> Standing:
    """That a set which is there already stands."""
    item = Latests(database).find(said.COLLECTION, name).item
    (made,) = Scores(database).made(item.id, version=version)
    return Standing(
        item=item.id, model=said.MODEL, score=made.id, version=version, run=made.run, decision=decision, at=1
    )


def claim(item: str, decision: int) -> Standing:
    """That a set stands which is not there."""
    return Standing(item=item, model=said.MODEL, score="gone", version=1, run=0, decision=decision, at=1)


def test_a_group_is_given_to_readers_with_its_counters(database: Database) -> None:
    one, other = said.keep(database, "one", "other")
    said.rule(database, 1)
    failed = [Failed(other.id, "a", "because")]
    kept = said.add(database, [said.score(one)], failed=failed, took_us=70, spent_us=90)
    assert (kept.scored, kept.standing, kept.failed) == (1, 1, 1)
    assert given(database, "one") == [(1, 0, 1)]
    sweep = Sweeps(database).find(said.work())
    assert sweep is not None
    assert (sweep.scored, sweep.failed, sweep.took_us, sweep.spent_us) == (1, 1, 70, 90)
    assert said.add(database, [said.score(other)]).scored == 1
    assert Failures(database).of_item(other.id) == [], "it is scored by now"


def test_only_items_that_are_settled_for_the_first_time_are_counted_down(database: Database) -> None:
    kept = said.keep(database, "one", "two", "three")
    Sweeps(database).begin(said.work(), decision=1, seen=3, wanted=3, pending=3)
    pending = []
    for group in (
        {"sets": [said.score(kept[0])], "failed": [Failed(kept[1].id, "a", "")]},
        {"sets": [said.score(kept[0])], "failed": [Failed(kept[1].id, "a", "")]},
        {"sets": [said.score(kept[1])]},
        {"sets": [said.score(kept[2])]},
    ):
        told: dict[str, Any] = group
        said.add(database, told.pop("sets"), **told)
        sweep = Sweeps(database).find(said.work())
        pending.append(sweep.pending if sweep else None)
    assert pending == [1, 1, 1, 0]


def test_what_a_version_says_that_does_not_rule_is_kept_and_given_to_nobody(database: Database) -> None:
    (one,) = said.keep(database, "one")
    assert said.add(database, [said.score(one)]).standing == 0, "nobody rules"
    said.rule(database, 2)
    assert said.add(database, [said.score(one, 3)]).standing == 0
    assert given(database, "one") == []
    said.add(database, [said.score(one, 2)])
    said.rule(database, 3)
    assert said.add(database, [said.score(one, 2, run=7)]).standing == 0, "it was overtaken"
    assert given(database, "one") == [(2, 0, 1)]


def test_a_later_run_replaces_an_earlier_one_and_never_the_other_way_round(database: Database) -> None:
    (one,) = said.keep(database, "one")
    said.rule(database, 1)
    for run in (20, 10, 30):
        said.add(database, [said.score(one, run=run)])
    assert given(database, "one") == [(1, 30, 1)]
    assert count(database, scores) == 3


def test_each_item_of_a_split_is_given_what_its_own_arm_says(database: Database) -> None:
    kept = said.keep(database, *(f"item {place}" for place in range(40)))
    arms = (Arm(version=1, share=0.5), Arm(version=2, share=0.5))
    rollout = said.rule(database, 1, experiment="x", arms=arms)
    for version in (1, 2):
        said.add(database, [said.score(one, version) for one in kept])
    found = {one.name: given(database, one.name) for one in kept}
    assert found == {one.name: [(rollout.choose(one.digest), 0, rollout.sequence)] for one in kept}
    assert {version for ((version, _, _),) in found.values()} == {1, 2}


def test_where_every_arm_scores_all_the_main_version_is_given(database: Database) -> None:
    (one,) = said.keep(database, "one")
    arms = (Arm(version=1, share=0.5), Arm(version=2, share=0.5))
    said.rule(database, 1, experiment="x", arms=arms, mode="all")
    said.add(database, [said.score(one, 2)])
    assert given(database, "one") == []
    said.add(database, [said.score(one, 1)])
    assert given(database, "one") == [(1, 0, 1)]


def test_what_is_said_of_a_replaced_item_is_kept_and_given_to_nobody(database: Database) -> None:
    (old,) = said.keep(database, "one")
    said.rule(database, 1)
    said.keep(database, "one", digest="ef" * 32)
    kept = said.add(database, [said.score(old)], failed=[Failed(old.id, "a", "")])
    assert (kept.scored, kept.standing, kept.failed) == (1, 0, 0)
    assert given(database, "one") == [], "the new bytes are not scored yet"


def test_what_is_said_of_a_deleted_item_is_dropped(database: Database) -> None:
    old, other = said.keep(database, "one", "other")
    (new,) = said.keep(database, "one", digest="ef" * 32)
    with database.writing() as connection:
        items.end(connection, new, "deleted")
    kept = said.add(database, [said.score(one) for one in (old, new, other)], failed=[Failed(new.id, "a", "")])
    assert (kept.scored, kept.failed) == (1, 0)
    assert said.add(database, [said.score("nothing")]).scored == 0
    assert count(database, scores) == 1


def test_a_group_is_kept_as_a_whole_or_not_at_all(database: Database) -> None:
    (one,) = said.keep(database, "one")
    said.rule(database, 1)
    begun = said.sweep(database)
    broken: Any = Failed(one.id, "a", None)  # type: ignore[arg-type]  # cannot be kept
    group = Group(sweep=begun.id, model=said.MODEL, version=1, sets=[said.score(one)], failed=[broken])
    with pytest.raises(TypeError):
        Groups(database).add(group)
    assert [count(database, table) for table in (scores, standings, failures)] == [0, 0, 0]


def test_whoever_has_lost_the_job_keeps_nothing(database: Database) -> None:
    (one,) = said.keep(database, "one")
    begun = said.sweep(database)

    def lost(_: Connection) -> None:
        raise LeaseLost

    database.fence = lost
    with pytest.raises(LeaseLost):
        Groups(database).add(Group(sweep=begun.id, model=said.MODEL, version=1, sets=[said.score(one)]))
    with pytest.raises(LeaseLost):
        Groups(database).stand([claim(one.id, 1)], 1)
    database.fence = None
    assert count(database, scores) == 0


def test_sets_that_are_there_are_given_by_the_decision_that_rules_and_no_other(database: Database) -> None:
    said.keep(database, "one", "two")
    kept = [Latests(database).find(said.COLLECTION, name).item for name in ("one", "two")]
    for version in (1, 2):
        said.rule(database, version)
        said.add(database, [said.score(one, version) for one in kept])
    back = said.rule(database, 1).sequence
    groups = Groups(database)
    assert groups.stand([], back) == 0
    assert groups.stand([standing(database, "one", 1, back - 1)], back - 1) is None, "it rules no longer"
    with database.writing() as connection:
        items.end(connection, kept[1], "replaced")
    assert groups.stand([standing(database, "one", 1, back), claim(kept[1].id, back)], back) == 1
    assert given(database, "one") == [(1, 0, back)]


def test_all_that_was_said_of_an_item_is_forgotten(database: Database) -> None:
    one, other = said.keep(database, "one", "other")
    said.rule(database, 1)
    said.add(database, [said.score(one), said.score(other)], failed=[Failed(one.id, "a", "")])
    with database.writing() as connection:
        assert forget(connection, [one.id]) == 1
    assert [count(database, table) for table in (scores, standings, failures)] == [1, 1, 0]


def test_without_its_transaction_half_a_set_is_given_and_any_version_stands(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = said.keep(database, "one")
    said.rule(database, 1)
    said.add(database, [said.score(one)])
    begun = said.sweep(database, 2)
    seen: list[int] = []
    add = Groups._add

    def look(groups: Groups, connection: Connection, group: Group) -> Any:
        kept = add(groups, connection, group)
        seen.extend(len(one.confidences) for one in group.sets)
        return kept

    monkeypatch.setattr(Groups, "_add", look)
    made = said.score(one, 2)
    Groups(database, whole=False).add(Group(sweep=begun.id, model=said.MODEL, version=2, sets=[made]))
    assert seen == [len(made.confidences) // 3]
    assert given(database, "one") == [(2, 0, 1)]
    assert Scores(database).find([made.id]) == [made]
