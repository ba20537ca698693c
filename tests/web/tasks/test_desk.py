"""The desk takes no more than may wait, and wakes whoever waits for a job as soon as that has ended."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from assay.domain.job import Job
from assay.errors import JobNotFound, Overloaded
from assay.store.database import Database
from assay.store.work.claiming import Claiming
from assay.store.work.tasks import Tasks
from assay.web.tasks.desk import Backlog, Desk
from tests import stores
from tests.asked import answers, claim, queued


@pytest.fixture
def database(cluster: Any, tmp_path: Any) -> Any:
    from assay.store.databases import open_database

    with stores.kept(cluster, tmp_path) as place:
        made = open_database(place)
        yield made
        made.close()


def during(database: Database, story: Callable[[Desk], Coroutine[Any, Any, Any]], *, draining: bool = False) -> Any:
    """What the story comes to, with a desk."""

    async def told() -> Any:
        desk = Desk(database, Tasks(database), 10, lambda: draining)
        try:
            return await story(desk)
        finally:
            await desk.close()

    return asyncio.run(told())


def test_jobs_are_found_for_many_at_once(database: Database) -> None:
    ids = queued(database, 30)

    async def story(desk: Desk) -> list[Job]:
        return await asyncio.gather(*(desk.find(id) for id in ids))

    assert [job.id for job in during(database, story)] == ids


def test_a_job_that_does_not_exist_is_not_waited_for(database: Database) -> None:
    with pytest.raises(JobNotFound):
        during(database, lambda desk: desk.ended("0" * 32, 30))


def test_whoever_waits_is_woken_by_the_end(database: Database) -> None:
    ids, claiming = queued(database, 3), Claiming(database)

    def work() -> None:
        time.sleep(0.5)
        batch = claim(claiming)
        claiming.finish(batch, answers(batch))

    async def story(desk: Desk) -> list[Job]:
        return await asyncio.gather(*(desk.ended(id, 30) for id in ids * 2))

    thread = threading.Thread(target=work)
    began = time.monotonic()
    thread.start()
    found = during(database, story)
    thread.join()
    assert {job.state for job in found} == {"succeeded"}
    assert time.monotonic() - began < 15


def test_one_that_does_not_end_is_told_as_it_is(database: Database) -> None:
    (id,) = queued(database)
    began = time.monotonic()
    assert during(database, lambda desk: desk.ended(id, 0.3)).state == "queued"
    assert time.monotonic() - began >= 0.3


def test_nobody_waits_in_a_process_that_is_about_to_end(database: Database) -> None:
    (id,) = queued(database)
    assert during(database, lambda desk: desk.ended(id, 60), draining=True).state == "queued"


def test_who_waits_is_released_when_the_process_begins_to_end(database: Database) -> None:
    (id,) = queued(database)
    over: list[None] = []

    async def told() -> str:
        desk = Desk(database, Tasks(database), 10, lambda: bool(over))
        waiting = asyncio.create_task(desk.ended(id, 60))
        await asyncio.sleep(0.3)
        over.append(None)
        found = await asyncio.wait_for(waiting, 10)
        await desk.close()
        return found.state

    assert asyncio.run(told()) == "queued"


def test_no_more_are_admitted_than_may_wait() -> None:
    known = [0]

    async def story() -> int:
        backlog = Backlog(lambda limit: min(known[0], limit), 5)
        for _ in range(5):
            await backlog.admit()
            backlog.settled()
        with pytest.raises(Overloaded, match="5"):
            await backlog.admit()
        known[0] = 3
        await asyncio.sleep(0.3)
        admitted = 0
        for _ in range(20):
            try:
                await backlog.admit()
            except Overloaded:
                await asyncio.sleep(0.05)
            else:
                admitted += 1
                known[0] += 1
                backlog.settled()
        return admitted

    assert asyncio.run(story()) == 2


def test_what_is_under_way_while_it_is_counted_is_not_forgotten() -> None:
    async def story() -> None:
        backlog = Backlog(lambda _limit: 0, 5)
        for _ in range(5):
            await backlog.admit()
        for _ in range(5):
            await asyncio.sleep(0.1)
            with pytest.raises(Overloaded):
                await backlog.admit()

    asyncio.run(story())


def test_what_others_have_queued_counts_too() -> None:
    async def story() -> None:
        with pytest.raises(Overloaded):
            await Backlog(lambda limit: limit, 5).admit()

    asyncio.run(story())
