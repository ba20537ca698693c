"""The predictor: does jobs that are done together, with a thread for each model that has some, so that none waits for another."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping

import structlog

from assay.clock import ticks_us
from assay.errors import StoreUnavailable
from assay.jobs.holding import Holding
from assay.jobs.lane import AGAIN_S, BatchLane, Do, Means
from assay.outages import Outage
from assay.store.work.claiming import Claiming, Due

LOOK_S = 1.0  # who is told looks only in case that he was not
UNTOLD_LOOK_S = 0.1
BUSY_LOOK_US = 50_000
GRACE_S = 5.0
Listen = Callable[[Callable[[], None]], Callable[[], None] | None]
log = structlog.get_logger("assay")


class Batches:
    """Knows no verb: `do` says what is done with a batch of each. `listen` calls back whenever there may be jobs."""

    def __init__(self, claiming: Claiming, do: Mapping[str, Do], listen: Listen, *, lease_s: float = 15.0) -> None:
        self._claiming = claiming
        self._do = dict(do)
        self._listen = listen
        self._means = Means(f"{socket.gethostname()}/{os.getpid()}", claiming, Holding(claiming, lease_s), lease_s)
        self._lanes: dict[Due, BatchLane] = {}
        self._woken = threading.Event()
        self._looked = 0
        self._unseen = Outage("tasks_not_looked_for")

    def run(self) -> int:
        """Works until it is told to stop; what is under way then is ended, or handed back where that takes long. 0."""
        self._means.holding.start()
        deaf = self._listen(self._heard)
        while not self._means.stopping:
            self._look()
            self._woken.wait(UNTOLD_LOOK_S if deaf is None else LOOK_S)
        if deaf is not None:
            deaf()
        self._end()
        return 0

    def stop(self) -> None:
        """Tells it to stop; may be called by a signal's handler, and so takes no lock."""
        self._means.stopping = True

    def _heard(self) -> None:
        """There may be jobs: who has just done some looks himself, at once."""
        for lane in list(self._lanes.values()):
            if lane.active:
                lane.woken.set()
        self._woken.set()

    def _look(self) -> None:
        early = BUSY_LOOK_US - (ticks_us() - self._looked)
        if early > 0 and any(lane.active for lane in self._lanes.values()):
            time.sleep(early / 1e6)
        self._woken.clear()
        self._looked = ticks_us()
        try:
            found = self._claiming.due()
        except StoreUnavailable as failed:
            self._unseen.failed(str(failed))
            time.sleep(AGAIN_S)
            return
        self._unseen.over()
        for due in found:
            if due.verb in self._do:
                self._lane(due).woken.set()

    def _lane(self, due: Due) -> BatchLane:
        if due not in self._lanes:
            self._lanes[due] = BatchLane(self._means, due, self._do[due.verb])
            self._lanes[due].start()
        return self._lanes[due]

    def _end(self) -> None:
        holding = self._means.holding
        until = ticks_us() + int(GRACE_S * 1e6)
        while holding.under_way() and ticks_us() < until:
            time.sleep(0.01)
        for batch in holding.under_way():
            holding.let_go(batch)
            try:
                count = self._claiming.hand_back(batch)
            except StoreUnavailable as failed:
                log.warning("tasks_left_to_their_lease", count=len(batch.jobs), error=str(failed))
            else:
                log.warning("tasks_handed_back", verb=batch.verb, model=batch.model, count=count)
        holding.stop()
