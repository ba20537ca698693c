"""Background work that cannot be done says why."""

from __future__ import annotations

from assay import errors


def test_a_schedule_is_refused_by_its_name_and_the_rule() -> None:
    said = str(errors.ScheduleInvalid("nightly", "cron must have five fields"))
    assert "nightly" in said
    assert "cron must have five fields" in said
