"""Trials are read back equal and in order, keeping one again replaces it, and studies do not see each other's."""

from __future__ import annotations

import math
import threading

from assay.store.database import Database
from assay.store.work.trials import KeptTrial, Trials

FIRST, SECOND = "a" * 64, "b" * 64


def trial(number: int, **told: object) -> KeptTrial:
    """A complete trial with the values that are hardest to write down."""
    made: dict[str, object] = {
        "number": number, "state": "complete", "value": math.nextafter(1 / 3, 1), "took_ms": 12,
        "parameters": {"rate": 5e-324, "depth": 3, "kind": None, "fast": True, "name": "é\x00\U0001f48e", "whole": 1.0},
        "distributions": {"depth": '{"name": "IntDistribution"}'}, "steps": {354: 0.1 + 0.2, 3192: -1.5},
    }  # fmt: skip
    return KeptTrial(**(made | told))  # type: ignore[arg-type]  # the values are of many types


def test_trials_are_read_back_equal_and_by_number(database: Database) -> None:
    trials = Trials(database)
    kept = [trial(3), trial(0), trial(7, state="pruned", value=None), trial(1, state="failed", value=None, steps={})]
    for one in kept:
        trials.keep(FIRST, one)
    found = trials.of(FIRST)
    assert found == sorted(kept, key=lambda one: one.number)
    assert [type(value) for value in found[0].parameters.values()] == [float, int, type(None), bool, str, float]


def test_a_trial_that_is_kept_again_replaces_itself(database: Database) -> None:
    trials = Trials(database)
    for value in (1.0, 1.0, 2.0):
        trials.keep(FIRST, trial(0, value=value))
    assert trials.of(FIRST) == [trial(0, value=2.0)]


def test_a_study_knows_only_its_own_trials(database: Database) -> None:
    first, second = Trials(database).study(FIRST), Trials(database).study(SECOND)
    first.keep(trial(0))
    second.keep(trial(0, value=9.0))
    second.keep(trial(1))
    assert first.known() == [trial(0)]
    assert [one.number for one in second.known()] == [0, 1]
    assert Trials(database).study("c" * 64).known() == []


def test_several_threads_keep_what_they_find(database: Database) -> None:
    study = Trials(database).study(FIRST)
    threads = [threading.Thread(target=study.keep, args=(trial(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert study.known() == [trial(number) for number in range(8)]
