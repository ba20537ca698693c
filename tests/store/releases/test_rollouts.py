"""Decisions are appended; the newest rules, whatever the clocks say."""

from __future__ import annotations

import threading

from assay.store.database import Database
from assay.store.releases.rollouts import Rollouts
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
