"""The batches of one verb and model, done one after the other until none is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from assay.clock import ticks_us
from assay.errors import StoreUnavailable
from assay.jobs.holding import Holding
from assay.jobs.pace import Pace
from assay.outages import Outage
from assay.store.work.claiming import Batch, Claiming, Due, Ended

ACTIVE_US = 1_000_000
AGAIN_S = 0.5
Do = Callable[[Batch], Iterator[Sequence[Ended]]]
log = structlog.get_logger("assay")


@dataclass
class Means:
    """What every lane of a process works with; `stopping` is set once it takes no more."""

    worker: str
    claiming: Claiming
    holding: Holding
    lease_s: float
    stopping: bool = False


class BatchLane(threading.Thread):
    """Sleeps until it is `woken`. `do` yields what became of a batch's jobs, part by part."""

    def __init__(self, means: Means, due: Due, do: Do) -> None:
        super().__init__(name=f"{due.verb} {due.model}", daemon=True)
        self.woken = threading.Event()
        self._means = means
        self._due = due
        self._do = do
        self._pace = Pace()
        self._active_at = -ACTIVE_US
        self._unclaimed = Outage("no_task_claimed")

    @property
    def active(self) -> bool:
        """Whether it does something, or has just done so."""
        return ticks_us() - self._active_at < ACTIVE_US

    def run(self) -> None:
        """Until everything is told to stop."""
        while not self._means.stopping:
            self.woken.wait()
            self.woken.clear()
            sure = True  # somebody has said that there is something
            while not self._means.stopping and self._round(sure=sure):
                sure = False

    def _round(self, *, sure: bool) -> bool:
        """One batch; whether there may be more."""
        try:
            batch = self._claim(sure=sure)
        except StoreUnavailable as failed:
            self._unclaimed.failed(str(failed))
            time.sleep(AGAIN_S)
            return False
        self._unclaimed.over()
        if batch is None:
            return False
        self._active_at = ticks_us()
        self._means.holding.hold(batch)
        try:
            self._work(batch)
        finally:
            self._means.holding.let_go(batch)
        self._active_at = ticks_us()
        return True

    def _claim(self, *, sure: bool) -> Batch | None:
        means = self._means
        if not sure and not means.claiming.is_due(self._due):  # while nothing is nobody takes a turn to write
            return None
        return means.claiming.claim(means.worker, self._due, self._pace.rows, means.lease_s)

    def _work(self, batch: Batch) -> None:
        rows = {job.id: job.rows for job in batch.jobs}
        began = ticks_us()
        try:
            for ended in self._do(batch):
                self._pace.learn(sum(rows.pop(one.id) for one in ended), ticks_us() - began)
                self._finish(batch, ended)
                began = ticks_us()
        except StoreUnavailable as failed:  # no fault of theirs: whoever has them next may be luckier
            self._unclaimed.failed(str(failed))
            self._give_back(batch)
        except Exception as failed:
            log.exception("batch_failed", verb=batch.verb, model=batch.model)
            said = f"{type(failed).__name__}: {failed}"[:500]
            self._finish(batch, [Ended(id=id, told="failed", code="internal", error=said) for id in rows])

    def _finish(self, batch: Batch, ended: Sequence[Ended]) -> None:
        """Ends jobs; while the store is away it is tried again, until they are somebody else's."""
        means = self._means
        until = ticks_us() + int(means.lease_s * 1e6)
        lost: list[str] | None = [] if means.stopping and not means.holding.holds(batch) else None  # it was handed back
        while lost is None:
            try:
                lost = means.claiming.finish(batch, ended)
            except StoreUnavailable as failed:
                if ticks_us() > until or means.stopping:
                    log.warning("tasks_left_to_their_lease", count=len(ended), error=str(failed))
                    return
                time.sleep(AGAIN_S)
        if lost:
            log.warning("lease_lost", verb=batch.verb, model=batch.model, count=len(lost), token=batch.token)

    def _give_back(self, batch: Batch) -> None:
        time.sleep(AGAIN_S)
        try:
            self._means.claiming.hand_back(batch)
        except StoreUnavailable as failed:
            log.warning("tasks_left_to_their_lease", count=len(batch.jobs), error=str(failed))
