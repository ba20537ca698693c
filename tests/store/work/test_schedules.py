"""A slot is given its job once, whoever asks and however often."""

from __future__ import annotations

import pytest

from assay.store.database import Database
from assay.store.paging import Window
from assay.store.work.jobs import Jobs
from assay.store.work.schedules import Known, Schedules
from tests import chores


@pytest.fixture
def schedules(database: Database) -> Schedules:
    return Schedules(database)


def queued(database: Database) -> int:
    return len(Jobs(database).page(Window()).entries)


def test_a_schedule_is_remembered_from_its_first_sight(schedules: Schedules) -> None:
    met = schedules.meet("nightly", "every 5 s", 100)
    assert met == Known(name="nightly", rule="every 5 s", since=100)
    assert schedules.meet("nightly", "every 5 s", 999) == met


def test_a_schedule_whose_rule_changed_begins_anew(schedules: Schedules) -> None:
    met = schedules.meet("nightly", "every 5 s", 100)
    schedules.give(met, 105, [chores.chore()])
    assert schedules.meet("nightly", "every 6 s", 200) == Known(name="nightly", rule="every 6 s", since=200)


def test_a_slot_and_its_job_are_kept_together(schedules: Schedules, database: Database) -> None:
    met = schedules.meet("nightly", "every 5 s", 100)
    made = schedules.give(met, 105, [chores.chore(key="a"), chores.chore(key="b")])
    assert len(made) == queued(database) == 2
    assert schedules.meet("nightly", "every 5 s", 999).slot == 105


def test_who_was_overtaken_makes_nothing(schedules: Schedules, database: Database) -> None:
    met = schedules.meet("nightly", "every 5 s", 100)
    assert schedules.give(met, 105, [chores.chore(key="a")])
    assert schedules.give(met, 105, [chores.chore(key="a")]) == []
    assert schedules.give(met, 110, [chores.chore(key="b")]) == []
    assert queued(database) == 1


def test_without_the_check_a_slot_is_given_twice(database: Database) -> None:
    schedules = Schedules(database, once=False)
    met = schedules.meet("nightly", "every 5 s", 100)
    for _ in range(2):
        schedules.give(met, 105, [chores.chore(key="a")])
    assert queued(database) == 2
