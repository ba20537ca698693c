"""The version before is the measure: of what is told, of the time it takes, and of how confidences are spread."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from assay.domain.releases.gate import Gate
from assay.domain.releases.verdict import Check
from assay.watching.answers import Evidence
from assay.watching.change import against_before, label_changes, shifts
from tests.watching.worlds import World, odds


@pytest.fixture(scope="module")
def world() -> World:
    return World.drawn(11)


def checks(found: Evidence, **gate: Any) -> dict[str, Check]:
    return {check.name: check for check in against_before(Gate(**gate), found)}


def test_a_first_version_has_nothing_to_be_held_against(world: World) -> None:
    found = checks(world.evidence(world.version(1)))

    assert list(found) == ["average_precision", "latency"]
    assert all(check.passed and not check.warned for check in found.values())
    assert found["average_precision"].detail.endswith(" on 60 recordings, and nothing to compare it with")
    assert found["latency"].detail == "a second of sound takes 2 ms (the median)"


def test_a_version_that_is_surely_worse_fails_and_one_of_the_same_quality_passes(world: World) -> None:
    worse = checks(world.evidence(world.version(1, 2.2), world.version(2)))
    same = checks(world.evidence(world.version(1), world.version(2)))

    assert not worse["average_precision"].passed
    assert " of version 1 on 60 recordings: -0.3" in worse["average_precision"].detail
    assert worse["average_precision"].detail.endswith("; allowed is 0.02 less")
    assert all(check.passed for check in same.values())


def test_what_is_worse_by_less_than_the_gates_margin_passes(world: World) -> None:
    found = world.evidence(world.version(1, 3.0), world.version(2))

    assert not checks(found)["average_precision"].passed
    assert checks(found, margin=0.3)["average_precision"].passed


def test_what_is_worse_and_may_be_chance_is_worth_a_look() -> None:
    grades = set()
    for seed in range(20):
        small = World.drawn(seed, recordings=15, seconds=6)
        check = checks(small.evidence(small.version(1, 3.6), small.version(2)))["average_precision"]
        grades.add((check.passed, check.warned))
    assert (True, True) in grades


def test_a_label_that_is_told_no_more_is_named(world: World) -> None:
    told = world.version(1)
    told[:, 7] = 0

    found = world.evidence(told, world.version(2))

    assert checks(found)["per_label"].detail.startswith("average precision fell of seven -0.")
    assert not checks(found)["per_label"].passed
    changes = label_changes(Gate(), found)
    assert changes["seven"].high < -0.5
    assert all(one.high > -0.1 for label, one in changes.items() if label != "seven")


def test_only_what_both_answered_is_compared(world: World) -> None:
    found = world.evidence(world.version(1), world.version(2))
    none = dict.fromkeys(range(60), "it failed")

    assert list(checks(replace(found, mine=replace(found.mine, failed=none)))) == ["average_precision", "latency"]
    some = replace(found, mine=replace(found.mine, failed={0: "it failed"}))
    assert "on 59 recordings" in checks(some)["average_precision"].detail


def test_a_label_in_few_recordings_is_not_judged() -> None:
    small = World.drawn(1, recordings=4, seconds=4)
    assert label_changes(Gate(), small.evidence(small.version(1), small.version(2))) == {}


@pytest.mark.parametrize(
    ("mine", "before", "gate", "grade"),
    [
        (30.0, 20.0, {}, "ok"),
        (4.0, 0.1, {}, "ok"),  # forty times as long, and still two hundred times as fast as it sounds
        (50.0, 20.0, {}, "warned"),
        (120.0, 20.0, {}, "failed"),
        (30.0, 20.0, {"latency_ms": 25.0}, "failed"),
        (20.0, 20.0, {"latency_ms": 25.0}, "ok"),
    ],
)
def test_a_slow_version_is_noticed(
    world: World, mine: float, before: float, gate: dict[str, float], grade: str
) -> None:
    found = world.evidence(world.version(1), world.version(2), took_ms=[mine] * 9 + [mine * 50])
    assert found.theirs is not None
    check = checks(replace(found, theirs=replace(found.theirs, took_ms=[before] * 9)), **gate)["latency"]

    assert ("ok" if check.passed and not check.warned else "warned" if check.passed else "failed") == grade


def test_rows_have_their_own_word(world: World) -> None:
    found = replace(world.evidence(world.version(1)), sound=False)
    assert checks(found)["latency"].detail == "a row takes 2 ms (the median)"


def test_confidences_that_lie_elsewhere_are_worth_a_look(world: World) -> None:
    before = world.version(2)
    found = world.evidence(odds(world.version(1), 0.3), before)

    assert checks(found)["shift"].warned
    assert "spread otherwise than before: population stability index of zero" in checks(found)["shift"].detail
    assert not checks(world.evidence(world.version(1), before))["shift"].warned
    assert max(shifts(world.evidence(before, before)).values()) == 0
    assert shifts(found).keys() == set(found.labels)


def test_no_version_before_is_no_change(world: World) -> None:
    with pytest.raises(ValueError, match="no version before"):
        shifts(world.evidence(world.version(1)))


def test_where_no_label_is_there_nothing_is_compared(world: World) -> None:
    found = replace(world.evidence(world.version(1), world.version(2)), truth=np.zeros_like(world.truth))
    assert "no label is there" in checks(found)["average_precision"].detail
