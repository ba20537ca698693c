"""Broken versions are caught by the name of what is wrong with them, and honest ones pass."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from assay.domain.releases.gate import Gate
from assay.domain.releases.verdict import Check
from assay.measures.confidences import metrics
from assay.watching.control import coverage, decide, errors, graded
from tests.watching.worlds import BROKEN, HONEST, ONLY_AGAINST, WORDS, World

DRAWS = {"pr": 200, "nightly": 2_000}


def named(checks: tuple[Check, ...]) -> set[str]:
    return {check.name for check in checks if not check.passed}


@pytest.mark.parametrize(
    ("kind", "alone"),
    [(kind, alone) for kind, (name, _) in BROKEN.items() for alone in (False, True) if not alone or name not in ONLY_AGAINST],
)  # fmt: skip
def test_what_is_broken_is_caught_by_name(kind: str, alone: bool) -> None:
    """Against the version before, and where there is none."""
    name, make = BROKEN[kind]
    for seed in range(10):
        world = World.drawn(seed)
        before = None if alone else world.version(2 * seed)
        checks, grade = decide(Gate(), world.evidence(make(world, 2 * seed + 1), before))

        assert grade == "failed"
        assert name in named(checks), checks


@pytest.mark.parametrize("kind", HONEST)
def test_honest_versions_pass(kind: str, tier: str) -> None:
    """Of a version of equal quality at most one in a hundred is refused, and one in twenty is worth a look."""
    draws = DRAWS[tier] if kind == "another seed" else DRAWS[tier] // 5
    grades: Counter[str] = Counter()
    for seed in range(draws):
        world = World.drawn(seed, recordings=40, seconds=6)
        checks, grade = decide(Gate(), world.evidence(HONEST[kind](world, 2 * seed + 1), world.version(2 * seed)))
        grades[grade] += 1
        assert named(checks) <= {"average_precision", "per_label"}  # nothing is wrong with it that would have a name

    assert grades["failed"] <= 0.01 * draws
    assert grades["warned"] <= 0.05 * draws


def test_a_good_first_version_passes() -> None:
    for seed in range(200):
        world = World.drawn(seed, recordings=20, seconds=6)
        checks, grade = decide(Gate(), world.evidence(world.version(seed)))
        assert grade == "passed", checks


def test_the_world_is_no_easy_one() -> None:
    world = World.drawn(0)
    found = metrics(world.truth, world.version(1), WORDS, 0.5)

    assert 0.9 < found["average_precision"] < 0.99
    assert 0.05 < found["error"] < 0.3
    assert 0.3 < (~world.truth.any(axis=1)).mean() < 0.7


def test_a_version_that_skips_recordings_is_caught() -> None:
    world = World.drawn(3)
    told = world.version(1)
    skipped = dict.fromkeys(range(0, 60, 12), "The model failed")
    told[np.isin(world.units, list(skipped))] = np.nan

    checks, grade = decide(Gate(), world.evidence(told, world.version(2), failed=skipped))

    assert grade == "failed"
    assert named(checks) == {"errors"}
    said = (
        "5 of 60 recordings are not answered: r000.flac: The model failed; r012.flac: The model failed; r024.flac: The"
    )
    assert next(check.detail for check in checks if check.name == "errors").startswith(said)


def test_a_version_that_leaves_confidences_out_is_caught() -> None:
    world = World.drawn(3)
    told = world.version(1)
    for recording, odd in ((0, np.nan), (7, 1.5), (30, -1.0)):
        told[np.flatnonzero(world.units == recording)[1], 2] = odd

    checks, _ = decide(Gate(), world.evidence(told, world.version(2)))

    assert named(checks) == {"coverage"}
    said = next(check.detail for check in checks if check.name == "coverage")
    assert said.endswith(" are numbers from 0 to 1; 3 are missing, of r000.flac, r007.flac, r030.flac")


def test_a_slow_version_is_caught() -> None:
    world = World.drawn(3)
    checks, _ = decide(Gate(), world.evidence(world.version(1), world.version(2), took_ms=[200.0]))
    assert named(checks) == {"latency"}


def test_what_answers_nothing_is_judged_by_that_alone() -> None:
    world = World.drawn(3)
    failed = dict.fromkeys(range(60), "The model failed")
    checks, grade = decide(Gate(), world.evidence(np.full(world.truth.shape, np.nan), failed=failed))
    assert (grade, [check.name for check in checks]) == ("failed", ["errors"])


def test_another_server_may_leave_out_some_but_not_all() -> None:
    world = World.drawn(3)
    told = np.where(world.version(1) >= 0.9, world.version(1), np.nan)  # it tells only what it is sure of
    remote = world.evidence(told, failed={0: "The server was away"}, own=False)

    assert coverage(remote).passed
    assert coverage(remote).detail.endswith("; the server told no more")
    assert (errors(remote).passed, errors(remote).warned) == (True, True)
    assert not errors(world.evidence(told, failed=dict.fromkeys(range(4), "The server was away"), own=False)).passed
    assert not coverage(replace(remote, mine=replace(remote.mine, told=np.full_like(remote.mine.told, np.nan)))).passed


def test_the_comparison_comes_first_and_every_check_has_a_sentence() -> None:
    world = World.drawn(4)
    checks, _ = decide(Gate(), world.evidence(world.version(1), world.version(2)))

    assert [check.name for check in checks] == [
        "average_precision", "errors", "coverage", "silence", "labels", "scale", "per_label", "shift", "latency",
    ]  # fmt: skip
    assert all(check.detail for check in checks)


def test_the_worst_check_decides() -> None:
    good, odd, bad = (
        Check(name="a", passed=one, warned=two, detail="") for one, two in ((True, False), (True, True), (False, False))
    )
    assert [graded([]), graded([good]), graded([good, odd]), graded([odd, bad, good])] == [
        "passed",
        "passed",
        "warned",
        "failed",
    ]
