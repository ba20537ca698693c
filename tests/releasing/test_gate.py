"""The gate decides on evidence alone, and each check says its figures in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from assay.domain.releases.gate import Gate
from assay.domain.releases.verdict import Check
from assay.releasing.gate import Compared, Evidence, Replay, decide


def compared(gain: float = 0.03, low: float = 0.012, high: float = 0.049, rows: int = 221) -> Compared:
    champion = 311.6
    return Compared(
        rows=rows, champion=champion, candidate=champion * (1 - gain), gain=gain, low=low, high=high, better=0.99
    )


def evidence(**told: Any) -> Evidence:
    made: dict[str, Any] = {"metric": "mae", "rows": 221, "value": 302.1, "against": 3, "compared": compared()}
    return Evidence(**(made | told))


def checks(gate: Gate, found: Evidence) -> dict[str, Check]:
    return {check.name: check for check in decide(gate, found)[0]}


def test_a_candidate_that_is_surely_better_passes_and_the_sentence_says_by_how_much() -> None:
    (check,), outcome = decide(Gate(), evidence())
    assert (check.passed, outcome) == (True, "passed")
    assert check.detail == (
        "mae 302.25 against 311.60 on 221 rows: better by 3.0 % (90 % interval 1.2 to 4.9 %),"
        " wanted more than 0 % with 95 % confidence"
    )


def test_one_that_is_better_but_not_surely_fails() -> None:
    (check,), outcome = decide(Gate(), evidence(compared=compared(low=-0.004)))
    assert (check.passed, outcome) == (False, "failed")
    assert "better by 3.0 % (90 % interval -0.4 to 4.9 %)" in check.detail


@pytest.mark.parametrize(("margin", "passed"), [(0.01, True), (0.012, False), (0.02, False)])
def test_the_margin_must_be_kept_with_confidence(margin: float, passed: bool) -> None:
    assert checks(Gate(margin=margin), evidence())["champion"].passed is passed


def test_gains_of_r2_are_absolute() -> None:
    one = Compared(rows=50, champion=0.90, candidate=0.95, gain=0.05, low=0.02, high=0.08, better=1.0)
    found = evidence(metric="r2", value=0.95, compared=one)
    said = checks(Gate(margin=0.03), found)["champion"]
    assert not said.passed
    assert "r2 0.9500 against 0.9000 on 50 rows: better by 0.0500 (90 % interval 0.0200 to 0.0800)" in said.detail
    assert "wanted more than 0.03 with" in said.detail


def test_what_is_worse_has_its_interval_in_the_same_direction() -> None:
    (check,), outcome = decide(Gate(), evidence(compared=compared(-0.729, -1.334, -0.163)))
    assert outcome == "failed"
    assert "worse by 72.9 % (90 % interval 16.3 to 133.4 %), wanted more than" in check.detail


def test_equal_answers_are_the_same_and_not_better_by_nothing() -> None:
    (check,), outcome = decide(Gate(), evidence(compared=compared(0.0, -0.0, -0.00001)))
    assert outcome == "failed"
    assert "mae 311.60 against 311.60 on 221 rows: the same, wanted more than 0 %" in check.detail
    (unsure,), _ = decide(Gate(), evidence(compared=compared(0.0, -0.02, 0.02)))
    assert "better by 0.0 % (90 % interval -2.0 to 2.0 %)" in unsure.detail


def test_without_a_champion_only_the_rules_that_need_none_apply() -> None:
    found = evidence(against=None, compared=None, latency_ms=2.0, size_bytes=10)
    told, outcome = decide(Gate(latency_ms=1.0, size_bytes=10, approval=True), found)
    assert [(check.name, check.passed) for check in told] == [("champion", True), ("latency", False), ("size", True)]
    assert told[0].detail == "mae 302.10 on 221 rows, and nothing ruled before"
    assert outcome == "failed"


def test_a_champion_that_cannot_answer_does_not_hold_its_place() -> None:
    (check,), outcome = decide(Gate(), evidence(compared=None, fallen="a file is missing"))
    assert outcome == "passed"
    assert check.detail == "mae 302.10 on 221 rows, and version 3 cannot hold its place: a file is missing"


def test_where_no_row_is_new_to_the_champion_nobody_can_say_who_is_better() -> None:
    (check,), outcome = decide(Gate(), evidence(compared=None))
    assert (outcome, check.detail) == (
        "failed", "none of the 221 held-out rows is new to version 3: nothing can be compared",
    )  # fmt: skip


def test_a_candidate_that_cannot_answer_is_judged_no_further() -> None:
    (check,), outcome = decide(Gate(approval=True), evidence(trouble="The model failed to answer"))
    assert (check.name, outcome) == ("answers", "failed")
    assert "The model failed to answer" in check.detail


def test_a_segment_that_is_surely_worse_is_named_and_small_or_unsure_ones_are_not() -> None:
    segments = {
        "carat 0-1": compared(-0.40, -0.55, -0.25, rows=45), "carat 1-2": compared(-0.40, -0.70, -0.05, rows=40),
        "carat >=2": compared(-0.90, -0.95, -0.85, rows=29),
    }  # fmt: skip
    said = checks(Gate(), evidence(segments=segments))["segments"]
    assert not said.passed
    assert "carat 0-1: mae 436.24 against 311.60 on 45 rows: worse by 40.0 %" in said.detail
    assert "carat 1-2" not in said.detail
    assert "carat >=2" not in said.detail
    del segments["carat 0-1"]
    assert checks(Gate(), evidence(segments=segments))["segments"].detail.startswith("none of 1 segments of 30 rows")
    assert "segments" not in checks(Gate(worst_segment=None), evidence(segments=segments))


def test_of_several_segments_the_worst_is_told_in_full_and_the_others_by_name() -> None:
    segments = {
        "a 0-1": compared(-0.2, -0.3, -0.15),
        "a 1-2": compared(-0.5, -0.6, -0.4),
        "a >=2": compared(-0.3, -0.4, -0.2),
    }
    said = checks(Gate(), evidence(segments=segments))["segments"].detail
    assert said.startswith("a 1-2: mae 467.40 against 311.60")
    assert "; also a >=2 by 30.0 %, a 0-1 by 20.0 %; no segment may be worse by more than 10 % with" in said


def test_the_slow_and_the_large_are_refused() -> None:
    found = evidence(latency_ms=2.5, size_bytes=2_000_000)
    told = checks(Gate(latency_ms=2.0, size_bytes=1_000_000), found)
    assert (told["champion"].passed, told["latency"].passed, told["size"].passed) == (True, False, False)
    assert told["latency"].detail == "one question takes 2.5 ms (the median), allowed are 2 ms"
    assert told["size"].detail == "2,000,000 bytes in all its files, allowed are 1,000,000"
    assert all(check.passed for check in checks(Gate(latency_ms=2.5, size_bytes=2_000_000), found).values())


@pytest.mark.parametrize(("beyond", "refused", "passed"), [(0, 0, True), (2, 0, True), (3, 0, False), (1, 2, False)])
def test_one_answer_in_a_hundred_may_change_much(beyond: int, refused: int, passed: bool) -> None:
    replay = Replay(asked=200, beyond=beyond, refused=refused, largest=0.5)
    said = checks(Gate(max_change=0.2), evidence(replay=replay))["replay"]
    assert said.passed is passed
    assert f"{beyond} of 200 recorded answers change by more than 20 % (the most by 50.0 %)" in said.detail


def test_where_nothing_is_recorded_nothing_changes() -> None:
    assert checks(Gate(max_change=0.2), evidence(replay=Replay(asked=0)))["replay"].passed
    assert "replay" not in checks(Gate(), evidence(replay=Replay(asked=200, beyond=200)))


def test_a_person_is_asked_only_about_what_passes() -> None:
    assert decide(Gate(approval=True), evidence())[1] == "waiting"
    assert decide(Gate(approval=True), evidence(compared=compared(low=-1)))[1] == "failed"
