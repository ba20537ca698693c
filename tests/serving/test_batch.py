"""A lane answers everything that was submitted, in rounds of what had gathered, and ends well."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from assay.errors import Draining, ModelFailed, Overloaded
from assay.serving.batch import Awaited, Lane


class Rounds:
    """Remembers each round of work, and can be held up."""

    def __init__(self) -> None:
        self.rounds: list[list[Awaited]] = []
        self.free = threading.Event()
        self.free.set()

    def work(self, tasks: Sequence[Awaited]) -> None:
        self.rounds.append(list(tasks))
        self.free.wait(30)
        for task in tasks:
            if task.rows == 13:
                task.error = ModelFailed("unlucky")


def test_everything_submitted_is_worked_on_once_and_delivered() -> None:
    async def story() -> None:
        made = Rounds()
        lane = Lane("test", made.work, 10_000)
        tasks = [Awaited(1) for _ in range(500)]
        for place, task in enumerate(tasks):
            lane.submit(task)
            if place % 17 == 0:
                await asyncio.sleep(0)
        await asyncio.gather(*(task.future for task in tasks))
        assert [task for one in made.rounds for task in one] == tasks
        assert lane.waiting_rows == 0
        await lane.close()

    asyncio.run(story())


def test_what_arrives_while_it_works_gathers_for_the_next_round() -> None:
    async def story() -> None:
        made = Rounds()
        made.free.clear()
        lane = Lane("test", made.work, 100)
        tasks = [Awaited(1) for _ in range(6)]
        lane.submit(tasks[0])
        while not made.rounds:
            await asyncio.sleep(0.001)
        for task in tasks[1:]:
            lane.submit(task)
            await asyncio.sleep(0.001)
        made.free.set()
        await asyncio.gather(*(task.future for task in tasks))
        assert made.rounds == [tasks[:1], tasks[1:]]
        await lane.close()

    asyncio.run(story())


def test_an_error_reaches_its_own_task_only() -> None:
    async def story() -> None:
        lane = Lane("test", Rounds().work, 100)
        good, bad = Awaited(1), Awaited(13)
        lane.submit(good)
        lane.submit(bad)
        await good.future
        with pytest.raises(ModelFailed, match="unlucky"):
            await bad.future
        await lane.close()

    asyncio.run(story())


def test_more_rows_than_may_wait_are_refused_but_a_lone_long_list_is_not() -> None:
    async def story() -> None:
        made = Rounds()
        made.free.clear()
        lane = Lane("test", made.work, 10)
        first, more = Awaited(25), Awaited(1)
        lane.submit(first)
        with pytest.raises(Overloaded):
            lane.submit(more)
        made.free.set()
        await first.future
        lane.submit(more)
        await more.future
        await lane.close()

    asyncio.run(story())


def test_behind_a_round_that_is_slow_only_as_many_wait_as_are_done_in_time() -> None:
    async def story() -> list[int]:
        def work(tasks: Sequence[Awaited]) -> None:
            time.sleep(0.02 * len(tasks))

        lane: Lane[Awaited] = Lane("test", work, 10_000)
        lane.patience_us = 1_000_000
        admitted, refused = [], 0
        until = time.monotonic() + 3
        while time.monotonic() < until:
            for _ in range(10):
                task = Awaited(1)
                try:
                    lane.submit(task)
                except Overloaded:
                    refused += 1
                else:
                    admitted.append(task)
            await asyncio.sleep(0.02)
        waiting = lane.waiting_rows
        await asyncio.gather(*(task.future for task in admitted))
        alone = Awaited(1)
        lane.submit(alone)
        await alone.future
        await lane.close()
        return [refused, waiting]

    refused, waiting = asyncio.run(story())
    assert refused > 100, "ten times as many came as are done"
    assert waiting < 400


def test_behind_a_round_that_hangs_nobody_waits_longer_than_patience() -> None:
    async def story() -> None:
        made = Rounds()
        made.free.clear()
        lane = Lane("test", made.work, 10_000)
        lane.patience_us = 200_000
        first, second, third = (Awaited(1) for _ in range(3))
        lane.submit(first)
        await asyncio.sleep(0.05)
        lane.submit(second)
        await asyncio.sleep(0.3)
        with pytest.raises(Overloaded):
            lane.submit(third)
        made.free.set()
        await asyncio.gather(first.future, second.future)
        lane.submit(third)
        await third.future
        await lane.close()

    asyncio.run(story())


def test_closing_answers_what_waits_and_refuses_what_comes() -> None:
    async def story() -> None:
        made = Rounds()
        made.free.clear()
        lane = Lane("test", made.work, 100)
        tasks = [Awaited(1) for _ in range(5)]
        for task in tasks:
            lane.submit(task)
        closing = asyncio.create_task(lane.close())
        await asyncio.sleep(0.02)
        with pytest.raises(Draining):
            lane.submit(Awaited(1))
        assert not closing.done()
        made.free.set()
        await closing
        assert all(task.future.done() for task in tasks)

    asyncio.run(story())


def test_a_task_that_is_on_its_way_when_the_lane_closes_is_answered_too() -> None:
    async def story() -> None:
        made = Rounds()
        made.free.clear()
        lane = Lane("test", made.work, 100)
        first, late = Awaited(1), Awaited(1)
        lane.submit(first)
        while not made.rounds:
            await asyncio.sleep(0.001)

        def the_lane_finds_nothing_more() -> None:
            made.free.set()
            time.sleep(0.2)

        closing = asyncio.create_task(lane.close())
        asyncio.get_running_loop().call_soon(the_lane_finds_nothing_more)
        lane.submit(late)  # handed over only after both of the above
        await asyncio.wait_for(closing, 5)
        assert late.future.done()

    asyncio.run(story())


def test_a_client_that_went_away_disturbs_nobody() -> None:
    async def story() -> None:
        lane = Lane("test", Rounds().work, 100)
        gone, stays = Awaited(1), Awaited(1)
        lane.submit(gone)
        lane.submit(stays)
        gone.future.cancel()
        await stays.future
        await lane.close()
        assert lane.waiting_rows == 0

    asyncio.run(story())
