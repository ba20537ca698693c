"""Sets are kept once, told in brief for a history, and in full by their ids."""

from __future__ import annotations

from assay.store.database import Database
from assay.store.items.scores import Scores
from assay.store.paging import Window
from tests import said


def test_a_set_is_found_as_it_was_kept(database: Database) -> None:
    (one,) = said.keep(database, "one")
    made = said.score(one)
    said.add(database, [made])
    assert Scores(database).find([made.id]) == [made]
    assert Scores(database).find([]) == []


def test_the_same_version_says_it_once_in_a_run(database: Database) -> None:
    (one,) = said.keep(database, "one")
    first, again, later = said.score(one), said.score(one), said.score(one, run=9)
    assert said.add(database, [first, said.score(one)]).scored == 1, "twice in one group is once"
    assert said.add(database, [again]).scored == 0
    assert said.add(database, [later]).scored == 1
    assert [kept.id for kept in Scores(database).made(one.id, run=0)] == [first.id]
    assert [kept.id for kept in Scores(database).made(one.id, run=9)] == [later.id]


def test_a_history_is_told_page_by_page_the_newest_first(database: Database) -> None:
    one, other = said.keep(database, "one", "other")
    made = [said.score(one, version) for version in (1, 2, 3)]
    for each in made:
        said.add(database, [each])
    said.add(database, [said.score(other)])
    scores = Scores(database)
    first = scores.history([one.id], Window(limit=2))
    second = scores.history([one.id], Window(limit=2, cursor=first.next_cursor))
    assert [each.version for each in first.entries + second.entries] == [3, 2, 1]
    assert second.next_cursor is None
    brief = first.entries[0]
    assert (brief.item, brief.model, brief.run, brief.seconds, brief.took_us) == (
        one.id,
        said.MODEL,
        0,
        said.SECONDS,
        7,
    )
    assert len(scores.history([one.id, other.id], Window()).entries) == 4
    assert scores.history([one.id], Window(), model="another").entries == []
    assert [each.version for each in scores.history([one.id], Window(since=made[2].at)).entries] == [3]


def test_of_each_version_the_newest_run_is_told_or_the_one_that_is_asked_for(database: Database) -> None:
    (one,) = said.keep(database, "one")
    early = said.score(one, 1, run=10, at=100)
    late, other = said.score(one, 1, run=20, at=200), said.score(one, 2, at=300)
    for each in (early, late, other):
        said.add(database, [each])
    scores = Scores(database)
    assert [each.id for each in scores.made(one.id)] == [other.id, late.id]
    assert [each.id for each in scores.made(one.id, version=1)] == [late.id]
    assert [each.id for each in scores.made(one.id, version=1, run=10)] == [early.id]
    assert [each.id for each in scores.made(one.id, until=150)] == [early.id]
    assert scores.made(one.id, model="another", version=None) == []
