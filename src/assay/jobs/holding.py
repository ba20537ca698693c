"""Keeps the leases of batches while they are done, in a thread of its own: a long call of a model must not cost them."""

from __future__ import annotations

import threading

from assay.clock import ticks_us
from assay.errors import StoreUnavailable
from assay.outages import Outage
from assay.store.work.claiming import Batch, Claiming

BEATS = 3


class Holding(threading.Thread):
    """Renews each lease that was taken or renewed a third of its length ago; most batches have ended by then."""

    def __init__(self, claiming: Claiming, lease_s: float) -> None:
        super().__init__(name="leases", daemon=True)
        self._claiming = claiming
        self._lease_s = lease_s
        self._held: dict[str, tuple[Batch, int]] = {}  # by the token, with the ticks of the last beat
        self._gate = threading.Lock()
        self._over = threading.Event()
        self._unrenewed = Outage("lease_not_renewed")

    def run(self) -> None:
        """Looks six times a lease."""
        while not self._over.wait(self._lease_s / BEATS / 2):
            for batch in self._old():
                self._beat(batch)

    def stop(self) -> None:
        """No lease is renewed any more."""
        self._over.set()

    def hold(self, batch: Batch) -> None:
        """From now on."""
        with self._gate:
            self._held[batch.token] = batch, ticks_us()

    def let_go(self, batch: Batch) -> None:
        """It has ended, or is somebody else's."""
        with self._gate:
            self._held.pop(batch.token, None)

    def holds(self, batch: Batch) -> bool:
        """Whether it is held still."""
        with self._gate:
            return batch.token in self._held

    def under_way(self) -> list[Batch]:
        """The batches that are held now."""
        with self._gate:
            return [batch for batch, _ in self._held.values()]

    def _old(self) -> list[Batch]:
        before = ticks_us() - int(self._lease_s / BEATS * 1e6)
        with self._gate:
            return [batch for batch, beaten in self._held.values() if beaten <= before]

    def _beat(self, batch: Batch) -> None:
        try:
            ours = self._claiming.beat(batch, self._lease_s)
        except StoreUnavailable as failed:
            self._unrenewed.failed(str(failed))
            return
        self._unrenewed.over()
        with self._gate:
            if not ours:
                self._held.pop(batch.token, None)
            elif batch.token in self._held:
                self._held[batch.token] = batch, ticks_us()
