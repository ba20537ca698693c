"""What fails for long is told in few lines, and its end is told too."""

from __future__ import annotations

from structlog.testing import capture_logs

from assay.outages import Outage


def test_a_long_failure_is_two_lines_however_often_it_is_met() -> None:
    outage = Outage("rows_not_read")
    with capture_logs() as said:
        for _ in range(1000):
            outage.failed("gone", place="here")
        outage.over()
        outage.over()
    assert [line["event"] for line in said] == ["rows_not_read", "rows_not_read_no_more"]
    assert (said[0]["reason"], said[0]["place"], said[1]["times"]) == ("gone", "here", 1000)


def test_the_next_failure_is_told_again() -> None:
    outage = Outage("rows_not_read")
    with capture_logs() as said:
        outage.failed("gone")
        outage.over()
        outage.failed("gone again")
    assert [line["event"] for line in said] == ["rows_not_read", "rows_not_read_no_more", "rows_not_read"]
    assert said[-1]["times"] == 1


def test_one_that_lasts_is_told_again_after_a_while() -> None:
    outage = Outage("rows_not_read", every_us=0)
    with capture_logs() as said:
        outage.failed("gone")
        outage.failed("gone")
    assert [line["times"] for line in said] == [1, 2]


def test_what_has_never_failed_is_not_told_to_be_over() -> None:
    with capture_logs() as said:
        Outage("rows_not_read").over()
    assert said == []
