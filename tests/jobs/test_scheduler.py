"""Every due slot gets its job: one for all that were missed, or one each."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from assay.clock import iso, parse_iso
from assay.jobs.schedule import schedules_of
from assay.jobs.scheduler import MOST_CAUGHT_UP, MOST_LISTED, MOST_WAITING, Scheduler
from assay.settings import ScheduleSetting
from assay.store.database import Database
from assay.store.paging import Window
from assay.store.work.jobs import Jobs
from assay.store.work.schedules import Schedules

NOON = parse_iso("2026-03-03T12:00:00Z")
HOUR = 3_600_000_000


class Hands:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> int:
        return self.at


@pytest.fixture
def clock(database: Database, monkeypatch: pytest.MonkeyPatch) -> Hands:
    """What the database says of the time."""
    made = Hands()
    monkeypatch.setattr(database, "now", lambda _connection: made())
    return made


def scheduler(database: Database, **told: Any) -> Scheduler:
    setting = ScheduleSetting.model_validate({"every": "1h"} | told)
    return Scheduler(Schedules(database), schedules_of({"hourly": setting}), max_attempts=7)


def slots(database: Database) -> list[str]:
    return [job.arguments["slot"] for job in reversed(Jobs(database).page(Window(limit=1000)).entries)]


def test_a_slot_before_the_first_sight_is_not_made_up_for(database: Database, clock: Hands) -> None:
    made = scheduler(database)
    assert made.look() == []
    clock.at += HOUR - 1
    assert made.look() == []
    clock.at += 1
    assert [job.arguments for job in made.look()] == [{"slot": "2026-03-03T13:00:00.000000Z", "missed": []}]
    assert made.look() == []


def test_the_job_says_what_it_is_for(database: Database, clock: Hands) -> None:
    made = scheduler(database, model="stone")
    made.look()
    clock.at += HOUR
    job = made.look()[0]
    assert (job.verb, job.model, job.by, job.max_attempts) == ("train", "stone", "schedule hourly", 7)
    assert job.key == f"schedule:hourly:{(NOON + HOUR) // 1_000_000}"
    assert Jobs(database).find(job.id) == job


def test_missed_slots_become_one_job_that_lists_them(database: Database, clock: Hands) -> None:
    scheduler(database).look()
    clock.at += 3 * HOUR + 5
    assert [job.arguments for job in scheduler(database).look()] == [
        {"slot": iso(NOON + 3 * HOUR), "missed": [iso(NOON + HOUR), iso(NOON + 2 * HOUR)]}
    ]


def test_the_list_of_missed_slots_ends_somewhere(database: Database, clock: Hands) -> None:
    made = scheduler(database)
    made.look()
    clock.at += 500 * HOUR
    missed = made.look()[0].arguments["missed"]
    assert len(missed) == MOST_LISTED
    assert missed[-1] == iso(NOON + 499 * HOUR)


def test_missed_slots_are_caught_up_with_where_that_is_wanted(database: Database, clock: Hands) -> None:
    made = scheduler(database, missed="catch_up")
    made.look()
    clock.at += 3 * HOUR
    made.look()
    assert slots(database) == [iso(NOON + hour * HOUR) for hour in (1, 2, 3)]
    assert made.look() == []


def test_catching_up_ends_somewhere_and_says_so(database: Database, clock: Hands) -> None:
    made = scheduler(database, missed="catch_up", every="1s")
    made.look()
    clock.at += HOUR
    with capture_logs() as said:
        assert len(made.look()) == MOST_CAUGHT_UP
    assert [line["event"] for line in said] == ["slots_left_out"]
    assert slots(database)[-1] == iso(NOON + HOUR)
    assert made.look() == []


@pytest.mark.parametrize("missed", ["coalesce", "catch_up"])
def test_a_clock_that_is_set_back_and_forth_repeats_no_slot(database: Database, clock: Hands, missed: str) -> None:
    made = scheduler(database, missed=missed)
    made.look()
    for jump in (HOUR, -HOUR, 2 * HOUR, -24 * HOUR, 24 * HOUR, 0, HOUR):
        clock.at += jump
        made.look()
    found = slots(database)
    assert len(found) == len(set(found))
    assert found == sorted(found)
    assert found[-1] == iso(NOON + 3 * HOUR)


def test_of_two_that_look_at_once_one_makes_the_job(database: Database, clock: Hands) -> None:
    first, second = scheduler(database), scheduler(database)
    first.look()
    clock.at += HOUR
    assert len(first.look() + second.look()) == 1


def test_nothing_is_written_while_nothing_is_due(database: Database, clock: Hands) -> None:
    made = scheduler(database)
    made.look()
    with database.turn():  # whoever wanted to write now would wait for ten seconds, and fail
        assert made.look() == []


def test_slots_that_come_faster_than_their_jobs_are_done_are_gathered(database: Database, clock: Hands) -> None:
    made = scheduler(database)
    made.look()
    for _ in range(3 * MOST_WAITING):
        clock.at += HOUR
        made.look()
    assert len(slots(database)) == MOST_WAITING
    jobs = Jobs(database)
    for job in jobs.page(Window(limit=1000)).entries:
        jobs.cancel(job.id, "me")
    clock.at += HOUR
    (job,) = made.look()
    assert len(job.arguments["missed"]) == 2 * MOST_WAITING


def test_a_clock_that_was_far_ahead_for_a_while_does_not_silence_a_schedule(database: Database, clock: Hands) -> None:
    made = scheduler(database)
    made.look()
    clock.at += 9000 * HOUR
    made.look()
    clock.at -= 9000 * HOUR
    for _ in range(3):
        clock.at += HOUR
        made.look()
    found = slots(database)
    assert len(found) == len(set(found)) == 4
