"""The desk of one process: how many tasks may still be accepted, and who waits for the end of which."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from assay.clock import ticks_us
from assay.domain.job import Job
from assay.errors import JobNotFound, Overloaded
from assay.serving.batch import Awaited, Lane
from assay.store.database import Database
from assay.store.work.tasks import Tasks

MOST_LOOKS = 50_000
FRESH_US, STALE_US = 250_000, 2_000_000
LOOK_S = 0.25
ROOM_US = 50_000  # the reserve of the disk lasts for longer
SHORTEST_S, LONGEST_S = 0.003, 0.05
LINGER_US = 10_000_000


class Backlog:
    """Bounds the queue. How long it is was counted a moment ago, and what this process has accepted since is added."""

    def __init__(self, count: Callable[[int], int], most: int) -> None:
        self._count = count
        self._most = most
        self._known = 0
        self._since = 0
        self._under_way = 0  # of those, what a count begun now may miss
        self._counted_at = -STALE_US
        self._counting: asyncio.Task[None] | None = None

    async def admit(self) -> None:
        """One task more, of which `settled` is told once it is recorded or is not; raises Overloaded where too many wait."""
        age = ticks_us() - self._counted_at
        if age > FRESH_US and self._counting is None:
            self._counting = asyncio.create_task(self._refresh())
        if age > STALE_US and self._counting is not None:
            await asyncio.shield(self._counting)
        if self._known + self._since >= self._most:
            raise Overloaded(f"As many tasks wait as this server takes ({self._most:,}).")
        self._since += 1
        self._under_way += 1

    def settled(self, count: int = 1) -> None:
        """So many that were admitted are recorded, or will not be."""
        self._under_way -= count

    async def _refresh(self) -> None:
        before, began = self._since - self._under_way, ticks_us()
        try:
            self._known = await asyncio.to_thread(self._count, self._most)
            self._since -= before
            self._counted_at = began
        finally:
            self._counting = None


class Look(Awaited):
    """Somebody wants to see a job."""

    __slots__ = ("id", "job")

    def __init__(self, id: str) -> None:
        super().__init__(rows=1)
        self.id = id
        self.job: Job | None = None


class Desk:
    """Looks at jobs for many at a time, and wakes whoever waits for the end of one."""

    def __init__(self, database: Database, tasks: Tasks, most: int, draining: Callable[[], bool]) -> None:
        self.backlog = Backlog(tasks.waiting, most)
        self._database = database
        self._tasks = tasks
        self._lane: Lane[Look] = Lane("jobs", self._read, MOST_LOOKS)
        self._waiting: dict[str, list[asyncio.Future[Job]]] = {}
        self._stirred = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._draining = draining
        self._room_at = -ROOM_US

    async def admit(self, check_room: Callable[[], None]) -> None:
        """One task more, as `Backlog.admit` has it, where there is room on the disk; raises what `check_room` raises."""
        now = ticks_us()
        if now - self._room_at > ROOM_US:
            check_room()
            self._room_at = now
        await self.backlog.admit()

    async def find(self, id: str) -> Job:
        """One job of any verb, of a task without its questions; raises JobNotFound."""
        look = Look(id)
        self._lane.submit(look)
        await look.future
        if look.job is None:
            raise JobNotFound(id)
        return look.job

    async def ended(self, id: str, wait_s: float) -> Job:
        """The job once it has ended, or as it is after so many seconds; raises JobNotFound."""
        job = await self.find(id)
        if job.ended or wait_s <= 0 or self._draining():
            return job
        future: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(id, []).append(future)
        self._stirred.set()
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            return await asyncio.wait_for(future, wait_s)
        except TimeoutError:
            return await self.find(id)
        finally:
            self._forget(id, future)

    async def close(self) -> None:
        """Answers what was asked, and gives everything back."""
        self._release()
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        await self._lane.close()

    async def _watch(self) -> None:
        """Looks which of the awaited jobs have ended, whenever something has; ends a while after the last was."""
        loop = asyncio.get_running_loop()

        def heard() -> None:
            with suppress(RuntimeError):  # the loop is closed already
                loop.call_soon_threadsafe(self._stirred.set)

        deaf = self._database.listen(heard, "ended")
        pause_s, awaited_at = SHORTEST_S, ticks_us()
        try:
            while self._waiting or ticks_us() - awaited_at < LINGER_US:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stirred.wait(), LOOK_S)
                self._stirred.clear()
                if not self._waiting:
                    continue
                if self._draining():
                    self._release()
                awaited_at = ticks_us()
                found = await self._look()
                took_s = (ticks_us() - awaited_at) / 1e6
                pause_s = max(SHORTEST_S, 2 * took_s) if found else min(pause_s * 2, LONGEST_S)
                await asyncio.sleep(pause_s)
        finally:
            if deaf is not None:
                deaf()

    async def _look(self) -> bool:
        found = await asyncio.to_thread(self._tasks.ended, list(self._waiting))
        for job in found:
            for future in self._waiting.get(job.id, ()):
                if not future.done():
                    future.set_result(job)
        return bool(found)

    def _release(self) -> None:
        """Nobody waits any longer: the process is about to end."""
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(TimeoutError())

    def _forget(self, id: str, future: asyncio.Future[Job]) -> None:
        left = [one for one in self._waiting.get(id, ()) if one is not future]
        if left:
            self._waiting[id] = left
        else:
            self._waiting.pop(id, None)

    def _read(self, looks: Sequence[Look]) -> None:
        found = self._tasks.seen({look.id for look in looks})
        for look in looks:
            look.job = found.get(look.id)
