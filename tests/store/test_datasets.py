"""Snapshots are registered once a content and model."""

from __future__ import annotations

from assay.store import datasets
from assay.store.database import Database
from assay.store.datasets import Datasets
from tests import rows


def test_a_snapshot_is_read_back_equal(database: Database) -> None:
    kept = rows.dataset(removed_file="cd" * 32)
    with database.writing() as connection:
        datasets.add(connection, kept)
    assert Datasets(database).find("stone", kept.id) == kept
    assert Datasets(database).find("other", kept.id) is None


def test_the_same_rows_again_are_the_same_snapshot(database: Database) -> None:
    first = rows.dataset(created_at=1)
    with database.writing() as connection:
        datasets.add(connection, first)
        datasets.add(connection, rows.dataset(created_at=2))
        datasets.add(connection, rows.dataset(model="other"))
    assert Datasets(database).all("stone") == [first]


def test_the_newest_comes_first(database: Database) -> None:
    with database.writing() as connection:
        for at in (2, 3, 1):
            datasets.add(connection, rows.dataset(id=f"{at:064x}", created_at=at))
    assert [one.created_at for one in Datasets(database).all("stone")] == [3, 2, 1]
