"""The worker: takes one job after the other from the queue, and does each in a process that it can end."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Collection, Sequence

import structlog

from assay.clock import ticks_us
from assay.domain.job import Job
from assay.errors import LeaseLost, StoreUnavailable
from assay.jobs.child import Child
from assay.jobs.keeper import Keeper
from assay.outages import Outage
from assay.store.work.leases import Leases

POLL_S = 0.2
GRACE_S = 5.0
Command = Callable[[Job, int], Sequence[str]]
Duty = Callable[[], object]
log = structlog.get_logger("assay")


class Worker:
    """Knows no verb: `command` says which program does a job, and the program says by the store what came of it.

    `duties` are called every `look_interval_s`, also while a job is done; what they raise is logged.
    """

    def __init__(
        self, leases: Leases, command: Command, verbs: Collection[str], *, lease_s: float = 15.0,
        duties: Sequence[Duty] = (), look_interval_s: float = 2.0,
    ) -> None:  # fmt: skip
        self.name = f"{socket.gethostname()}/{os.getpid()}"
        self._leases = leases
        self._command = command
        self._verbs = tuple(verbs)
        self._lease_s = lease_s
        self._duties = tuple(duties)
        self._look_interval_us = int(look_interval_s * 1e6)
        self._looked: int | None = None
        self._unclaimed = Outage("no_job_claimed")
        self._undone = Outage("duties_not_done")
        self._stopping = False

    def run(self) -> int:
        """Works until it is told to stop; the job under way is then handed back. The status to exit with, 0."""
        while not self._stopping:
            self._look()
            job = self._claim()
            if job is None:
                time.sleep(POLL_S)
            else:
                self._work(job)
        return 0

    def stop(self) -> None:
        """Tells it to stop; may be called by a signal's handler, and so takes no lock."""
        self._stopping = True

    def _look(self) -> None:
        now = ticks_us()
        if self._looked is not None and now - self._looked < self._look_interval_us:
            return
        self._looked = now
        for duty in self._duties:
            try:
                duty()
            except StoreUnavailable as failed:  # the next duty would fail alike
                self._undone.failed(str(failed))
                return
            except Exception:  # one failing must end neither the others nor the work
                log.exception("duty_failed", duty=getattr(duty, "__qualname__", repr(duty)))
        self._undone.over()

    def _claim(self) -> Job | None:
        try:
            found = self._leases.claim(self.name, self._verbs, self._lease_s)
        except StoreUnavailable as failed:
            self._unclaimed.failed(str(failed))
            return None
        self._unclaimed.over()
        return found

    def _work(self, job: Job) -> None:
        log.info("job_begun", job=job.id, verb=job.verb, model=job.model, attempt=job.attempts)
        try:
            child = Child(lambda watched: self._command(job, watched))
        except OSError as failed:
            self._settle(job, f"could not be started: {failed.strerror}", "", stopped=False)
            return
        keeper = Keeper(self._leases, job, self._lease_s)
        keeper.start()
        try:
            self._watch(child, keeper)
        finally:
            keeper.stop()
            how, said = child.close()
        self._settle(job, how, said, stopped=child.told_to_end and not keeper.canceled)

    def _watch(self, child: Child, keeper: Keeper) -> None:
        while child.runs(POLL_S / 2):
            if self._stopping or keeper.canceled or keeper.lost:
                child.end(GRACE_S)
                return
            self._look()

    def _settle(self, job: Job, how: str, said: str, *, stopped: bool) -> None:
        """Most children have ended their job themselves; what the others leave is put back."""
        token = job.token or ""
        try:
            if stopped:
                left = self._leases.hand_back(job.id, token, "handed back, as its worker was told to stop")
            else:
                left = self._leases.lost(job.id, token, how, said)
        except LeaseLost:
            self._tell_end(job)
        except StoreUnavailable as failed:
            log.warning("job_left_to_its_lease", job=job.id, error=str(failed))
        else:
            log.warning("job_released", job=job.id, state=left.state, how=how, attempts=left.attempts)

    def _tell_end(self, job: Job) -> None:
        try:
            ours = self._leases.owned(job.id, job.token or "")
        except StoreUnavailable:
            return
        if ours:
            log.info("job_ended", job=job.id)
        else:
            log.warning("lease_lost", job=job.id)
