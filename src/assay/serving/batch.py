"""The single bridge between the asynchronous door and the synchronous core: batch while busy.

A lane is one thread with one kind of work. What arrives while it works gathers for its next round; an idle lane takes
what is there at once. So there is no waiting window to tune, and one lone request pays no delay.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import structlog

from assay.clock import ticks_us
from assay.errors import AssayError, Draining, Overloaded

SLOW_US = 100_000
LEAST_ROWS = 16  # may wait, however slow they are
NEVER_US = 1 << 62


class Task(Protocol):
    """One unit of a lane's work; `rows` is its weight."""

    rows: int
    error: AssayError | None

    def deliver(self) -> None:
        """Called on the event loop once the lane is done with it, well or with its `error`."""


class Awaited:
    """A task that a coroutine waits for."""

    __slots__ = ("error", "future", "rows")

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.error: AssayError | None = None
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def deliver(self) -> None:
        """Wakes the coroutine, with the error if there is one."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(self.error)


log = structlog.get_logger("assay")
TaskT = TypeVar("TaskT", bound=Task)


class Lane(Generic[TaskT]):
    """Runs `work` on everything that has gathered; `work` settles each task, and may set its `error`, never raises.

    At most `max_rows` wait, and of a kind of work that is slow only as many as it does within `patience_us`.
    """

    def __init__(self, name: str, work: Callable[[Sequence[TaskT]], None], max_rows: int) -> None:
        self.patience_us = NEVER_US
        self._work = work
        self._max_rows = self._limit = max_rows
        self._began_us = 0  # the round under way, 0 between two
        self._arrived: list[TaskT] = []
        self._waiting_rows = 0
        self._handing_over = False
        self._gate = threading.Lock()
        self._wake = threading.Semaphore(0)
        self._gathered: list[TaskT] = []
        self._idle = True
        self._closed = False  # takes nothing more
        self._ended = False  # and has nothing left
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name=f"assay-{name}", daemon=True)
        self._thread.start()

    @property
    def waiting_rows(self) -> int:
        """How many rows wait or are being worked on."""
        return self._waiting_rows

    def submit(self, task: TaskT) -> None:
        """Queues the task; call it on the event loop. Raises Overloaded or Draining."""
        if self._closed:
            raise Draining
        rows = self._waiting_rows + task.rows
        if self._waiting_rows and (rows > self._max_rows or self._late(rows)):
            raise Overloaded
        self._waiting_rows += task.rows
        self._arrived.append(task)
        if not self._handing_over:
            # handed over once the loop has read whatever else is ready: fuller batches at no wait
            self._handing_over = True
            self._loop.call_soon(self._hand_over)

    async def close(self) -> None:
        """Answers what is waiting, then ends the thread."""
        self._closed = True
        while self._waiting_rows:
            await asyncio.sleep(0.005)
        self._ended = True
        self._wake.release()
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        self._handing_over = False
        with self._gate:
            self._gathered.extend(self._arrived)
            asleep, self._idle = self._idle, False
        self._arrived.clear()
        if asleep:
            self._wake.release()

    def _run(self) -> None:
        while True:
            self._wake.acquire()
            while round_ := self._take():
                self._began_us = began = ticks_us()
                self._do(round_)
                self._began_us = 0
                self._learn(round_, ticks_us() - began)
                self._loop.call_soon_threadsafe(self._deliver, round_)
            if self._ended:
                return

    def _late(self, rows: int) -> bool:
        """Whether so many would wait too long: the round under way is slow, and the last one says how slow rows are."""
        began = self._began_us
        lasts_us = ticks_us() - began if began else 0
        return lasts_us > SLOW_US and (rows > self._limit or lasts_us > self.patience_us)

    def _learn(self, round_: list[TaskT], took_us: int) -> None:
        """How many rows may wait behind a round that is as slow as this one."""
        if took_us > SLOW_US and self.patience_us < NEVER_US:
            rows = sum(task.rows for task in round_)
            self._limit = min(max(rows * self.patience_us // took_us, LEAST_ROWS), self._max_rows)
        else:
            self._limit = self._max_rows

    def _do(self, round_: list[TaskT]) -> None:
        try:
            self._work(round_)
        except Exception as failed:
            log.error("lane_failed", lane=self._thread.name, exc_info=failed)
            for task in round_:
                task.error = task.error or AssayError("The server failed to answer; its log has the cause.")

    def _take(self) -> list[TaskT]:
        with self._gate:
            taken, self._gathered = self._gathered, []
            self._idle = not taken
        return taken

    def _deliver(self, settled: Sequence[TaskT]) -> None:
        for task in settled:
            self._waiting_rows -= task.rows
            task.deliver()
