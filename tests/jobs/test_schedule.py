"""Rules are checked with their reasons, and slots are those of the rule, in UTC, whatever year it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.clock import iso, parse_iso
from assay.errors import ScheduleInvalid
from assay.jobs.schedule import Schedule, schedules_of
from assay.settings import ScheduleSetting

SECOND = 1_000_000
NOON = parse_iso("2026-03-03T12:00:00Z")


def schedule(name: str = "nightly", **told: Any) -> Schedule:
    return schedules_of({name: ScheduleSetting.model_validate(told)})[0]


def due(made: Schedule, after: str, now: str, limit: int = 100) -> list[str]:
    return [iso(slot)[:19] for slot in made.due(parse_iso(after), parse_iso(now), limit)]


def test_models_are_trained_or_watched() -> None:
    assert schedule(every="6h").verb == "train"
    assert schedule(verb="watch", model="phrases", every="6h").verb == "watch"
    with pytest.raises(ValueError, match="'train' or 'watch'"):
        schedule(verb="dance", every="6h")


@pytest.mark.parametrize(("told", "seconds"), [("30s", 30), ("15m", 900), ("6h", 21_600), ("1d", 86_400), (" 7s ", 7)])
def test_an_interval_is_a_number_with_its_unit(told: str, seconds: int) -> None:
    assert schedule(every=told).every_s == seconds


@pytest.mark.parametrize(
    "told",
    ["0s", "", "s", "1.5h", "-1s", "every 2 minutes", "2 minutes", "1w", "367d", "9" * 40 + "s", "1s\x00", "\u0661s"],
)
def test_what_is_no_interval_is_refused_with_the_schedule_and_the_rule(told: str) -> None:
    with pytest.raises(ScheduleInvalid, match=r"'nightly' cannot be followed: every must be"):
        schedule(every=told)


@pytest.mark.parametrize(
    "told", ["* * * * *", "*/15 * * * *", "0 3 * * mon-fri", "0 0 29 2 *", "0 0 L * *", "0  0 1 1 *"]
)
def test_a_rule_of_cron_has_five_fields(told: str) -> None:
    made = schedule(cron=told)
    assert made.due(NOON, NOON + 9 * 366 * 86_400 * SECOND, 1)


@pytest.mark.parametrize("told", ["* * *", "", "* * * * * *", "@daily", "* * * * * " * 40])
def test_a_rule_of_cron_with_other_fields_is_refused(told: str) -> None:
    with pytest.raises(ScheduleInvalid, match=r"'nightly' .*cron must have five fields"):
        schedule(cron=told)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("0 0 30 2 *", "day-of-month"), ("0 0 31 4,6,9,11 *", "day-of-month"), ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"), ("* * * 13 *", "month"), ("* * * * 8", "day-of-week"), ("*/0 * * * *", "minute"),
        ("5-1 * * * *", "minute"), ("x * * * *", "minute"), ("²  * * * *", "minute"),
    ],
)  # fmt: skip
def test_a_rule_of_cron_that_never_comes_is_refused_with_its_field(told: str, why: str) -> None:
    with pytest.raises(ScheduleInvalid, match=f"'nightly' cannot be followed: cron cannot be .*{why}"):
        schedule(cron=told)


def test_a_schedule_has_one_rule() -> None:
    for told in ({}, {"every": "1h", "cron": "* * * * *"}):
        with pytest.raises(ScheduleInvalid, match="either every"):
            schedule(**told)


@pytest.mark.parametrize("name", ["", "-x", "a b", "x" * 65, "ä", "a\n"])
def test_a_name_is_of_plain_letters(name: str) -> None:
    with pytest.raises(ScheduleInvalid, match="its name must be"):
        schedule(name, every="1h")


def test_intervals_lie_on_their_multiples_since_1970() -> None:
    assert due(schedule(every="15m"), "2026-03-03T11:59:59Z", "2026-03-03T12:31:00Z") == [
        "2026-03-03T12:00:00",
        "2026-03-03T12:15:00",
        "2026-03-03T12:30:00",
    ]


def test_a_slot_is_due_from_its_own_moment_on_and_once() -> None:
    for made in (schedule(every="1h"), schedule(cron="0 * * * *")):
        assert made.due(NOON - 1, NOON, 9) == [NOON]
        assert made.due(NOON, NOON, 9) == []
        assert made.due(NOON - 1, NOON - 1, 9) == []


def test_no_hour_is_lost_or_doubled_where_clocks_are_turned() -> None:
    """On 29 March 2026 Berlin has no 02:30, and on 25 October two; UTC has one each."""
    made = schedule(cron="30 * * * *")
    for day in ("2026-03-29", "2026-10-25"):
        found = due(made, f"{day}T00:00:00Z", f"{day}T04:00:00Z")
        assert found == [f"{day}T0{hour}:30:00" for hour in range(4)]


def test_of_many_slots_the_newest_are_given_without_looking_at_the_others() -> None:
    for made in (schedule(every="1s"), schedule(cron="* * * * *")):
        found = made.due(0, NOON, 3)
        assert found[-1] == NOON
        assert len(found) == 3
        assert found == sorted(found)


def test_a_clock_that_went_back_makes_nothing_due() -> None:
    for made in (schedule(every="1s"), schedule(cron="* * * * *")):
        assert made.due(NOON, NOON - 3_600 * SECOND, 9) == []


@given(st.integers(1, 5_000), st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 10**5))
def test_looking_twice_gives_what_looking_once_gives(every_s: int, since: int, first: int, second: int) -> None:
    made = Schedule(name="x", verb="train", every_s=every_s)
    start, between, end = (moment * SECOND for moment in (since, since + first, since + first + second))
    found = made.due(start, between, 10**6)
    rest = made.due(found[-1] if found else start, end, 10**6)
    assert found + rest == made.due(start, end, 10**6)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)), st.integers(0, 3 * 86_400))  # noqa: DTZ001 - the zone is added below
def test_the_slots_of_a_rule_of_cron_are_those_of_a_calendar(start: datetime, seconds: int) -> None:
    begin = start.replace(tzinfo=UTC)
    end = begin + timedelta(seconds=seconds)
    made = Schedule(name="x", verb="train", cron="0 */6 * * *")
    minutes = (begin.replace(minute=0, second=0, microsecond=0) + timedelta(hours=hour) for hour in range(75))
    expected = [one for one in minutes if begin < one <= end and one.hour % 6 == 0]
    found = made.due(parse_iso(begin.isoformat()), parse_iso(end.isoformat()), 100)
    assert [iso(slot)[:19] for slot in found] == [one.isoformat()[:19] for one in expected]


def test_what_the_store_remembers_tells_rules_apart() -> None:
    rules = [schedule(every="60s"), schedule(every="61s"), schedule(cron="* * * * *"), schedule(cron="1 * * * *")]
    assert len({made.rule for made in rules}) == 4
    assert schedule(every="60s").rule == schedule(every="1m").rule
