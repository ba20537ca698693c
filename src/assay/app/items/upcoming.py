"""The items that wait for a version, the newest first, looked up page by page; what comes meanwhile goes before the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.app.items.outlook import MOST_DUE, Task
from assay.clock import ticks_us
from assay.domain.items.score import Sweep
from assay.store.items.remaining import Waiting

if TYPE_CHECKING:
    from assay.app import Assay

PAGE = 256
LOOK_US = 500_000


@dataclass
class Span:
    """Items whose sequences lie between two, neither of them included, that are still to be looked through."""

    after: int
    before: int

    @property
    def empty(self) -> bool:
        """Whether there is nothing between."""
        return self.before <= self.after + 1


class Upcoming:
    """To be gone through once. It ends early when `until` (ticks) is over, or when another decision rules (`overtaken`).

    `whole` says in the end that it did not, and then nothing was left up to the sequence `seen`.
    """

    def __init__(self, assay: Assay, task: Task, sweep: Sweep, until: int) -> None:
        self.whole = self.overtaken = False
        self.seen = assay.remaining.newest(task.work.collection)
        self._assay = assay
        self._task = task
        self.until = until
        self._looked = ticks_us()
        self._rested = task.finished  # then nothing else is left of what was there before
        self._spans = [Span(sweep.seen if task.finished else 0, self.seen + 1)]

    def __iter__(self) -> Iterator[Waiting]:
        """Those that are this version's to score; raises StoreUnavailable."""
        while (span := self._next()) is not None:
            page = self._assay.remaining.page(self._task.work, after=span.after, before=span.before, limit=PAGE)
            span.before = page[-1].sequence if len(page) == PAGE else span.after
            for item in page:
                if self._over():
                    return
                if self._new():
                    span.before = item.sequence + 1
                    break
                if self._task.chooses(item.digest):
                    yield item
        for item in self._due():
            if self._over():
                return
            yield item
        self.whole = not self._over()

    def _next(self) -> Span | None:
        """What is to be looked through now: what came last."""
        self._add_newer()
        while self._spans and self._spans[-1].empty:
            self._spans.pop()
        return self._spans[-1] if self._spans and not self._over() else None

    def _due(self) -> Iterator[Waiting]:
        if self._rested and not self._over():
            rested = self._assay.remaining.due(self._task.work, MOST_DUE)
            yield from (one for one in rested if self._task.chooses(one.digest))

    def _new(self) -> bool:
        """Whether something has come, as far as it is time to look."""
        if ticks_us() - self._looked < LOOK_US:
            return False
        self._looked = ticks_us()
        rules = self._assay.rollouts.ruling(self._task.work.model)
        if rules is None or rules.sequence != self._task.rollout.sequence:
            self.overtaken = True
        return self._add_newer()

    def _add_newer(self) -> bool:
        newest = self._assay.remaining.newest(self._task.work.collection)
        if newest <= self.seen:
            return False
        self._spans.append(Span(self.seen, newest + 1))
        self.seen = newest
        return True

    def _over(self) -> bool:
        return self.overtaken or ticks_us() >= self.until
