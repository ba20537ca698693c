"""A job comes back as it was queued, and of one key there is only one."""

from __future__ import annotations

from typing import Any

import pytest

from assay.domain.job import Job
from assay.errors import JobNotFound
from assay.store.database import Database
from assay.store.work.queue import add, find, waiting
from tests import chores


def test_a_job_comes_back_as_it_was_queued(database: Database) -> None:
    made = Job(
        id="a" * 32, at=2**53 + 1, verb="train", model="stone", key="k", arguments={"deep": [1.5, None, "ä\u0001"]}, by="a test",
        priority=-3, run_after=7, max_attempts=9, log="☃\n", result={"n": 0}, code="c", error="e",
    )  # fmt: skip
    with database.writing() as connection:
        assert add(connection, made) == made
    with database.reading() as connection:
        assert find(connection, made.id) == made


def test_a_result_that_is_nothing_is_not_a_result_of_zero(database: Database) -> None:
    results: tuple[Any, ...] = (0, False, "", [], None)
    for result in results:
        made = chores.chore(result=result)
        with database.writing() as connection:
            add(connection, made)
            assert find(connection, made.id).result == result


def test_a_known_key_gives_the_job_that_has_it(database: Database) -> None:
    with database.writing() as connection:
        first = add(connection, chores.chore(key="daily"))
        assert add(connection, chores.chore(key="daily")) == first
        assert add(connection, chores.chore(key="weekly")) != first
        assert add(connection, chores.chore()) != add(connection, chores.chore())


def test_jobs_that_have_not_ended_wait_each_for_its_own_model(database: Database) -> None:
    with database.writing() as connection:
        made = [add(connection, chores.chore(model="stone")) for _ in range(2)]
        add(connection, chores.chore(model="gem"))
        add(connection, chores.chore(model="stone", state="succeeded"))
        assert waiting(connection, "chore", "stone") == made
        assert waiting(connection, "train", "stone") == []


def test_a_job_that_is_added_in_a_transaction_that_fails_is_not_there(database: Database) -> None:
    made = chores.chore()
    with pytest.raises(RuntimeError), database.writing() as connection:
        add(connection, made)
        raise RuntimeError
    with pytest.raises(JobNotFound), database.reading() as connection:
        find(connection, made.id)
