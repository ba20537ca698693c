"""A reload under way: settings that are read anew, and new web processes beside the old ones until all are ready."""

from __future__ import annotations

from assay.clock import ticks_us
from assay.web.keeping.children import Child, Plan, Starter

LONGEST_US = 600_000_000


class Reload:
    """Goes on in steps, one whenever something has happened. Whatever goes wrong, the old processes know nothing of it."""

    def __init__(self, starter: Starter, running: Plan) -> None:
        self.plan: Plan | None = None
        self.web: list[Child] = []
        self._starter = starter
        self._running = running
        self._until_us = ticks_us() + LONGEST_US
        self._reader = starter.plan()

    @property
    def children(self) -> list[Child]:
        """The processes that it has started."""
        return [self._reader, *self.web]

    def step(self, now_us: int) -> str | None:
        """None while it goes on, nothing once every new process is ready, and a sentence where it is refused."""
        if now_us > self._until_us:
            return "The new processes did not get ready in ten minutes."
        if self.plan is None:
            return self._read()
        for child in self.web:
            if refused := self._refused(child):
                return refused
        return "" if all(child.ready for child in self.web) else None

    def _read(self) -> str | None:
        if self._reader.report is None:
            return None
        if not self._reader.ready:
            return self._reader.refused or "The settings cannot be read."
        plan = Plan(**self._reader.report["plan"])
        if plan[:3] != self._running[:3]:
            return "A reload cannot change the home folder, the host or the port; stop the server and start it again."
        self.plan = plan
        self.web = [self._starter.web(beside=True) for _ in range(plan.workers)]
        return None

    def _refused(self, child: Child) -> str:
        if child.refused:
            return child.refused
        if child.gone() and child.report is not None and not child.ready:
            return "A new web process ended before it was ready; its log says why."
        return ""
