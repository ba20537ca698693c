"""The verb "rescore": every kept item is scored by every version that answers, and what stands follows who rules."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from assay.app.items.outlook import BUDGET, Outlook, Task
from assay.app.items.scoring import Basket, Scoring, VersionRests
from assay.app.items.upcoming import Upcoming
from assay.clock import ticks_us
from assay.domain.items.score import Sweep
from assay.domain.job import Job
from assay.errors import AssayError, LeaseLost, ModelFailed, StoreUnavailable
from assay.serving.loaded import LoadedVersion
from assay.store.items.remaining import LAST

if TYPE_CHECKING:
    from assay.app import Assay

MOVED_AT_ONCE = 500
SHORTEST_TURN_US = 5_000_000
log = structlog.get_logger("assay")


class Hearing(Protocol):
    """Whoever wants to know how far a sweep is."""

    def at(self, stage: str, done: int, total: int) -> None: ...
    def say(self, line: str) -> None: ...


def rescore(assay: Assay, job: Job, report: Hearing) -> dict[str, Any]:
    """What the job "rescore" does for its model, for as long as the settings allow; what came of it.

    A job that is tried for the last time is careful, as its process may have been ended by an item.
    """
    careful = 1 < job.attempts >= job.max_attempts
    budget_s = assay.settings.rescore_budget_s
    return Sweeping(assay, str(job.model), report, budget_s=budget_s, careful=careful).run()


class Sweeping:
    """Goes through what is due, each version in turn, until nothing is or the time is over."""

    def __init__(
        self, assay: Assay, model: str, report: Hearing, *, budget_s: float | None, careful: bool = False
    ) -> None:  # fmt: skip
        self._assay = assay
        self._model = model
        self._report = report
        self._budget_us = int((budget_s or 1e9) * 1e6)
        self._until = 0
        self._careful = careful
        self._outlook = Outlook(assay)
        self._loaded: dict[int, LoadedVersion] = {}
        self._done = self._total = self._scored = self._failed = self._moved = 0

    def run(self) -> dict[str, Any]:
        """How many sets were made, failed, and were given to readers anew; and whether something is left.

        Raises LeaseLost or StoreUnavailable; a version that cannot be asked rests, and the others go on.
        """
        ended = "done"
        self._outlook.models()  # an author's libraries may take their time to load, and so may versions: that is not counted
        self._until = ticks_us() + self._budget_us
        while due := [task for task in self._outlook.tasks(self._model) if self._outlook.due(task)]:
            if ticks_us() >= self._until:
                ended = BUDGET
                break
            self._loaded = {number: one for number, one in self._loaded.items() if number in due[0].rollout.answering}
            turn_us = max((self._until - ticks_us()) // len(due), SHORTEST_TURN_US)
            went = [self._pass(task, turn_us) for task in due]
            if not any(went):
                break  # nothing can be done about it now; the next look begins anew
        self._report.at("done", self._done, self._done)
        return {"scored": self._scored, "failed": self._failed, "moved": self._moved, "ended": ended}

    def _pass(self, task: Task, turn_us: int) -> bool:
        """One version's turn; whether anything came of it."""
        before = (self._scored, self._failed, self._moved)
        try:
            sweep = self._begin(task)
            if sweep is None:
                return True  # another decision rules by now
            over = self._score(task, sweep, turn_us)
        except (LeaseLost, StoreUnavailable):
            raise
        except (AssayError, VersionRests) as failed:
            self._rest(task, failed.cause if isinstance(failed, VersionRests) else failed)
            return True
        except Exception as failed:  # an author's code may raise anything, and must not keep the others from their turn
            log.exception("version_not_asked", model=self._model, version=task.work.version)
            self._rest(task, ModelFailed(f"{type(failed).__name__}: {failed}"))
            return True
        return over or before != (self._scored, self._failed, self._moved)

    def _begin(self, task: Task) -> Sweep | None:
        """The sweep, counted; before that what was said already is given to readers. None where the decision rules no longer."""
        work, decision = task.work, task.rollout.sequence
        if task.finished and task.sweep is not None:
            self._total += len(self._assay.remaining.arrived(work.collection, task.sweep.seen, 10_000))
            return task.sweep
        known = task.newest is not None and task.newest.decision != decision
        if known and task.stands and not self._move(task):
            return None
        counted = self._assay.remaining.count(work, task.chooses if task.shared else None)
        self._total += counted.pending
        return self._assay.sweeps.begin(work, decision=decision, **counted._asdict())

    def _move(self, task: Task) -> bool:
        """Gives readers the sets that the version has made before; whether the decision still rules."""
        before = LAST
        while page := self._assay.remaining.behind(
            task.work, task.rollout.sequence, before=before, limit=MOVED_AT_ONCE
        ):
            mine = [one.standing for one in page if task.chooses(one.digest)]
            moved = self._assay.groups.stand(mine, task.rollout.sequence)
            if moved is None:
                return False
            self._moved += moved
            before = page[-1].sequence
            self._report.at(f"version {task.work.version} again", self._moved, self._moved + 1)
        return True

    def _score(self, task: Task, sweep: Sweep, turn_us: int) -> bool:
        """Whether the version has finished with the collection, or another decision rules by now."""
        upcoming = Upcoming(self._assay, task, sweep, min(self._until, ticks_us() + turn_us))
        waiting = iter(upcoming)
        first = next(waiting, None)
        if first is not None:  # else nobody needs the version
            version, took_us = self._load(task)
            upcoming.until += took_us
            basket = Basket(self._assay, version, sweep, lambda count: self._heard(task, count))
            try:
                Scoring(self._assay, version, chain([first], waiting), basket, careful=self._careful).run()
            finally:
                self._scored += basket.scored
                self._failed += basket.failed
        if upcoming.whole:
            self._assay.sweeps.finish(sweep.id, seen=upcoming.seen)
        return upcoming.whole or upcoming.overtaken

    def _load(self, task: Task) -> tuple[LoadedVersion, int]:
        """The version, and how long that took."""
        number, began = task.work.version, ticks_us()
        if number not in self._loaded:
            self._report.at(f"loading version {number}", self._done, self._total)
            self._loaded[number] = self._assay.loader.load(self._assay.versions.find(self._model, number))
        took_us = ticks_us() - began
        self._until += took_us
        return self._loaded[number], took_us

    def _heard(self, task: Task, count: int) -> None:
        self._done += count
        self._report.at(f"version {task.work.version}", self._done, max(self._done, self._total))

    def _rest(self, task: Task, failed: AssayError) -> None:
        resting = self._assay.sweeps.rest(task.work, failed.code, str(failed))
        log.warning("version_rests", model=self._model, version=task.work.version, code=failed.code, error=str(failed))
        again_s = (resting.retry_at - self._assay.sweeps.now()) / 1e6
        self._report.say(f"version {task.work.version} rests for {again_s:.0f} s: {failed}")
