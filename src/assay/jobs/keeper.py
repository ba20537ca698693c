"""Keeps a job's lease while its child works, in a thread of its own: a long step of the child must not cost the lease."""

from __future__ import annotations

import threading

from assay.clock import ticks_us
from assay.domain.job import Job
from assay.errors import LeaseLost, StoreUnavailable
from assay.outages import Outage
from assay.store.work.leases import Leases

LOOK_S = 0.5
BEATS = 3


class Keeper(threading.Thread):
    """Renews the lease every third of its length; `canceled` and `lost` say that the child should end."""

    def __init__(self, leases: Leases, job: Job, lease_s: float) -> None:
        super().__init__(name="lease", daemon=True)
        self.canceled = False
        self.lost = False
        self._leases = leases
        self._job = job
        self._lease_s = lease_s
        self._over = threading.Event()
        self._unrenewed = Outage("lease_not_renewed")

    def run(self) -> None:
        """Looks twice a second whether the job is still ours and still wanted."""
        every_s = self._lease_s / BEATS
        beaten = ticks_us()
        while not self._over.wait(min(LOOK_S, every_s)):
            beat = ticks_us() - beaten >= every_s * 0.9e6
            try:
                self._look(beat=beat)
            except LeaseLost:
                self.lost = True
                return
            except StoreUnavailable as failed:
                self._unrenewed.failed(str(failed), job=self._job.id)
            else:
                self._unrenewed.over()
                beaten = ticks_us() if beat else beaten

    def stop(self) -> None:
        """The child has ended."""
        self._over.set()
        self.join()

    def _look(self, *, beat: bool) -> None:
        token = self._job.token or ""
        leases = self._leases
        found = leases.beat(self._job.id, token, self._lease_s) if beat else leases.held(self._job.id, token)
        self.canceled = found.cancel_requested
