"""Evaluations are appended and read back equal."""

from __future__ import annotations

from assay.store.database import Database
from assay.store.evaluations import Evaluations
from tests import rows


def test_evaluations_of_a_version_are_read_back_equal_and_the_newest_first(database: Database) -> None:
    kept = [rows.evaluation(), rows.evaluation(split="all", segments={})]
    kept.sort(key=lambda one: one.id, reverse=True)
    collection = Evaluations(database)
    for one in kept:
        collection.add(one)
    collection.add(rows.evaluation(version=2))
    collection.add(rows.evaluation(model="other"))
    assert collection.all("stone", 1) == kept
    assert collection.all("stone", 3) == []
