"""Decisions are appended; the newest rules, whatever the clocks say."""

from __future__ import annotations

import threading
from typing import Any

from assay.domain.releases.rollout import Arm
from assay.store.audit import Audit
from assay.store.database import Database
from assay.store.paging import Window
from assay.store.releases.rollouts import Rollouts, decide
from tests import rows


def test_before_any_decision_nobody_rules(database: Database) -> None:
    collection = Rollouts(database)
    assert collection.newest() == 0
    assert collection.ruling("stone") is None
    assert collection.history("stone") == []


def test_the_newest_decision_rules_even_if_its_clock_was_behind(database: Database) -> None:
    collection = Rollouts(database)
    collection.append(rows.rollout(1, at=100))
    last = collection.append(rows.rollout(2, at=50))
    assert collection.ruling("stone") == last
    assert [one.version for one in collection.history("stone")] == [2, 1]


def test_each_decision_knows_the_one_before_on_its_own_model(database: Database) -> None:
    collection = Rollouts(database)
    assert collection.append(rows.rollout(1, previous=99)).previous is None
    assert collection.append(rows.rollout(7, model="other")).previous is None
    assert collection.append(rows.rollout(2)).previous == 1
    assert collection.append(rows.rollout(1)).previous == 2


def test_every_decision_on_any_model_is_noticed(database: Database) -> None:
    collection = Rollouts(database)
    seen = [collection.newest()]
    for model in ("stone", "other", "stone"):
        collection.append(rows.rollout(1, model=model))
        seen.append(collection.newest())
    assert len(set(seen)) == 4
    assert seen == sorted(seen)


def test_who_ruled_at_a_time_is_known(database: Database) -> None:
    collection = Rollouts(database)
    first, second = (collection.append(rows.rollout(number, at=100 * number)) for number in (1, 2))
    collection.append(rows.rollout(7, model="other", at=150))
    assert [collection.at("stone", at) for at in (99, 100, 199, 200, 10**15)] == [None, first, first, second, second]


def test_decisions_at_the_same_time_form_one_chain(database: Database) -> None:
    collection = Rollouts(database)
    threads = [threading.Thread(target=collection.append, args=(rows.rollout(i),)) for i in range(1, 21)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = collection.history("stone")[::-1]
    assert len(history) == 20
    assert [one.previous for one in history] == [None, *(one.version for one in history[:-1])]


# ---- experiments

HALVES = (Arm(version=1, share=0.5), Arm(version=2, share=0.5))


def told(database: Database) -> list[tuple[str, Any, Any]]:
    """What the audit says, the oldest first."""
    found = Audit(database).page(Window(limit=100)).entries
    return [(one.action, one.before, one.after) for one in reversed(found)]


def test_an_experiment_is_found_as_it_was_decided(database: Database) -> None:
    collection = Rollouts(database)
    collection.append(rows.rollout(1))
    made = collection.append(rows.rollout(1, experiment="checkout", mode="all", arms=HALVES, shadows=(7, 8)))
    assert collection.ruling("stone") == made
    assert (made.arms, made.shadows, made.mode, made.sequence) == (HALVES, (7, 8), "all", 2)


def test_whatever_ends_an_experiment_says_so(database: Database) -> None:
    collection = Rollouts(database)
    for decision in (
        rows.rollout(1), rows.rollout(1, experiment="first", arms=HALVES), rows.rollout(1, experiment="first", arms=HALVES[::-1]),
        rows.rollout(1, reason=""), rows.rollout(1, experiment="second", arms=HALVES), rows.rollout(2),
    ):  # fmt: skip
        collection.append(decision)
    assert [one.reason for one in collection.history("stone")][::-1] == [
        "why not", "why not", "why not", "ends the experiment first", "why not", "why not; ends the experiment second",
    ]  # fmt: skip
    lines = told(database)
    assert [action for action, _, _ in lines] == [
        "promote", "experiment", "experiment", "experiment", "experiment", "promote",
    ]  # fmt: skip
    assert lines[1][1:] == (1, {
        "version": 1, "experiment": "first", "mode": "split", "shadows": [],
        "arms": [{"version": 1, "share": 0.5}, {"version": 2, "share": 0.5}],
    })  # fmt: skip
    assert (lines[-1][1]["experiment"], lines[-1][2]) == ("second", 2)


def test_a_decision_is_made_when_it_is_made_however_long_it_was_prepared(database: Database) -> None:
    with database.writing() as connection:
        now = database.now(connection)
        made = decide(database, connection, rows.rollout(1, at=100))
    assert made.at >= now
    assert Rollouts(database).ruling("stone") == made
