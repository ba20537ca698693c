"""Times round-trip as text, and ids ascend and are valid."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.clock import boot_clock, iso, new_id, new_ids, now_us, parse_iso, ticks_us

YEAR_2200_US = 7_258_118_400_000_000


@given(st.integers(0, YEAR_2200_US))
def test_a_time_is_the_same_after_it_was_written_and_read(at: int) -> None:
    assert parse_iso(iso(at)) == at


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1)), st.integers(-840, 840))  # noqa: DTZ001 - the zone is added below
def test_the_zone_of_a_time_is_honoured(local: datetime, minutes: int) -> None:
    offset = timedelta(minutes=minutes)
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    text = f"{local.isoformat(timespec='microseconds')}{sign}{hours:02d}:{rest:02d}"
    assert parse_iso(text) == parse_iso((local - offset).isoformat(timespec="microseconds") + "Z")


def test_times_are_written_in_utc_with_microseconds() -> None:
    assert iso(1) == "1970-01-01T00:00:00.000001Z"
    assert parse_iso("2026-03-03T12:00:00Z") == 1_772_539_200_000_000


@pytest.mark.parametrize("text", ["2026-03-03T12:00:00", "2026-03-03", "noon", "", "2026-13-01T00:00:00Z"])
def test_a_time_without_a_zone_or_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_iso(text)


def test_now_is_now_in_microseconds() -> None:
    assert abs(datetime.fromtimestamp(now_us() / 1e6, UTC) - datetime.now(UTC)) < timedelta(seconds=5)


def test_ticks_never_go_back() -> None:
    ticks = [ticks_us() for _ in range(1000)]
    assert ticks == sorted(ticks)


def test_the_clock_of_this_start_of_the_machine_is_the_same_for_every_process() -> None:
    boot, before = boot_clock()
    asked = [sys.executable, "-c", "from assay.clock import boot_clock; print(*boot_clock())"]
    other, between = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    assert other == boot
    assert before < int(between) < boot_clock()[1]
    assert re.fullmatch("[0-9A-Fa-f-]{32,36}", boot)


@given(st.integers(1, 2000))
def test_ids_of_one_call_ascend_and_are_uuids_of_version_7(count: int) -> None:
    ids = new_ids(count)
    assert len(set(ids)) == count
    assert ids == sorted(ids)
    for one in ids:
        assert re.fullmatch("[0-9a-f]{32}", one)
        assert uuid.UUID(one).variant == uuid.RFC_4122
        assert uuid.UUID(one).version == 7


def test_an_id_tells_when_it_was_made() -> None:
    before = now_us() // 1000
    made = int(new_id()[:12], 16)
    assert before <= made <= now_us() // 1000


def test_ids_of_different_calls_differ() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_a_batch_of_a_million_ids_ascends_too() -> None:
    ids = new_ids(1_000_000)
    assert ids[0] < ids[500_000] < ids[-1]
    assert {uuid.UUID(one).version for one in (ids[0], ids[-1])} == {7}
    assert uuid.UUID(ids[-1]).variant == uuid.RFC_4122
