"""Looking for tasks costs the same however many jobs there are: each statement is led by an index."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Select
from sqlalchemy.dialects import sqlite as dialect

from assay.store.databases.sqlite import Sqlite
from assay.store.work import claims
from tests.asked import queued

TOLD: dict[str, Any] = {
    "boot": "b", "ticks": 1, "now": 1, "verb": "predict", "model": "stone", "most": 5, "last": "", "ids": ["a"], "held_by": "t",
}  # fmt: skip


def plan(database: Sqlite, query: Select[Any]) -> str:
    """How SQLite goes about it."""
    told = {name: value for name, value in TOLD.items() if name in query.compile().params}
    made = query.params(told).compile(dialect=dialect.dialect(), compile_kwargs={"literal_binds": True})
    with database.reading() as connection:
        return " ".join(str(row[-1]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {made}"))


@pytest.mark.parametrize("name", ["OURS_LOST", "OURS_QUEUED", "LOST_OF_ALL", "NEXT_MODEL"])
def test_what_is_looked_for_is_found_by_the_queues_index(sqlite: Sqlite, name: str) -> None:
    queued(sqlite, 3)
    found = plan(sqlite, getattr(claims, name))
    assert "ix_jobs_queue (state=?" in found
    assert "SCAN" not in found


@pytest.mark.parametrize("name", ["OURS_QUEUED", "NEXT_MODEL"])
def test_the_oldest_come_first_without_being_sorted(sqlite: Sqlite, name: str) -> None:
    assert "ORDER BY" not in plan(sqlite, getattr(claims, name))


@pytest.mark.parametrize("name", ["HELD", "ANYBODYS"])
def test_what_is_known_by_its_id_is_found_by_that(sqlite: Sqlite, name: str) -> None:
    assert "(id=?" in plan(sqlite, getattr(claims, name))
