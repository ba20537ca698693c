"""What a model's versions have to do with kept items now, as decisions, items and sweeps say it; and the job that does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from assay.clock import new_id, now_us
from assay.domain.items.score import Sweep
from assay.domain.job import Job
from assay.domain.releases.rollout import Rollout
from assay.store.items.sweeps import Work
from assay.store.paging import Window
from assay.store.work import jobs

if TYPE_CHECKING:
    from assay.app import Assay

VERB = "rescore"
URGENT, AFTER_OTHERS = 10, 0  # priorities; a training's is 0, and of equals the older goes first
BY = "kept items"
CANCELED_REST_US = 600_000_000
FAILED_REST_US = 60_000_000
REMOTE = "remote"  # the engine whose answers may be others tomorrow
BUDGET = "budget"  # how a sweep ended that was to go on
MOST_DUE = 10_000
log = structlog.get_logger("assay")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One version's way through a collection under the decision that rules now; `newest` is the run begun last."""

    work: Work
    rollout: Rollout
    sweep: Sweep | None
    newest: Sweep | None

    @property
    def shared(self) -> bool:
        """Whether some of the items are other versions' to score."""
        return self.rollout.mode == "split" and bool(self.rollout.arms)

    @property
    def stands(self) -> bool:
        """Whether readers are given what this version says, be it of some items only."""
        return self.shared or self.work.version == self.rollout.version

    @property
    def finished(self) -> bool:
        """Whether nothing was left when it was looked at last, under this decision."""
        sweep = self.sweep
        return sweep is not None and sweep.finished_at is not None and sweep.decision == self.rollout.sequence

    def chooses(self, digest: str) -> bool:
        """Whether the item of this content is this version's to score."""
        return not self.shared or self.rollout.choose(digest) == self.work.version


class Outlook:
    """Derived from the tables at each call; costs some look-ups in indexes a version, however many items there are."""

    def __init__(self, assay: Assay) -> None:
        self._assay = assay
        self._interval_us = int(assay.settings.rescore_interval_s * 1e6)
        self._remote: dict[tuple[str, int], bool] = {}  # a version never changes

    def models(self) -> dict[str, list[str]]:
        """The models that kept items are asked of, each with the names of its collections; raises ApplicationInvalid."""
        found: dict[str, list[str]] = {}
        for collection in self._assay.application.items().values():
            for model in collection.models:
                found.setdefault(model.name, []).append(collection.name)
        return found

    def tasks(self, model: str) -> list[Task]:
        """What each answering version has to do with each collection, be it nothing; the main version first."""
        rollout = self._assay.rollouts.ruling(model)
        if rollout is None:
            return []
        collections = self.models().get(model, [])
        return [self._task(name, rollout, number) for number in rollout.answering for name in collections]

    def due(self, task: Task) -> bool:
        """Whether something can be done now."""
        assay, work, sweep = self._assay, task.work, task.sweep
        if sweep is not None and sweep.retry_at > assay.sweeps.now():
            return False
        newest = assay.remaining.newest(work.collection)
        if sweep is None or not task.finished:
            return newest > 0
        if newest > sweep.seen:
            return True
        return any(task.chooses(one.digest) for one in assay.remaining.due(work, MOST_DUE))

    def look(self) -> list[Job]:
        """The duty of a worker: a job for each model that has something to do and no job for it; those that were made."""
        made = [job for model in self.models() if (job := self._look(model)) is not None]
        for job in made:
            log.info("items_to_score", job=job.id, model=job.model)
        return made

    def ask(self, model: str, by: str, priority: int = URGENT) -> tuple[Job, bool]:
        """The job that scores the model's items: the one that is there, or a new one, and whether it is new."""
        with self._assay.database.writing() as connection:
            there = jobs.waiting(connection, VERB, model)
            if there:
                return there[0], False
            made = Job(
                id=new_id(), at=now_us(), verb=VERB, model=model, by=by, priority=priority,
                max_attempts=self._assay.settings.max_attempts,
            )  # fmt: skip
            return jobs.add(connection, made), True

    def _look(self, model: str) -> Job | None:
        before = self._assay.jobs.page(Window(limit=1), verb=VERB, model=model).entries
        newest = before[0] if before else None
        if newest is not None and not newest.ended:
            return None
        due = [task for task in self.tasks(model) if self.due(task)]
        if newest is not None and self._rests(newest):
            due = [task for task in due if self._is_new(task, newest)]
        if not due:
            return None
        job, new = self.ask(model, BY, AFTER_OTHERS if _is_continued(newest) else URGENT)
        return job if new else None

    def _rests(self, job: Job) -> bool:
        """Whether somebody wanted the sweep to end lately, or it failed as no sweep should."""
        rest_us = {"canceled": CANCELED_REST_US, "failed": FAILED_REST_US}.get(job.state, 0)
        return now_us() - (job.finished_at or 0) < rest_us

    def _is_new(self, task: Task, job: Job) -> bool:
        """Whether the job could not have known: by a later decision, or an item that came since."""
        seen = task.sweep.seen if task.sweep is not None else 0
        later = task.rollout.at > (job.finished_at or 0)
        return later or (seen > 0 and self._assay.remaining.newest(task.work.collection) > seen)

    def _task(self, collection: str, rollout: Rollout, number: int) -> Task:
        newest = self._assay.sweeps.newest(collection, rollout.model, number)
        run = self._run(newest, rollout) if self._is_remote(rollout.model, number) else 0
        sweep = newest if newest is not None and newest.run == run else None
        return Task(work=Work(collection, rollout.model, number, run), rollout=rollout, sweep=sweep, newest=newest)

    def _run(self, newest: Sweep | None, rollout: Rollout) -> int:
        """The slot that has begun; but a run under way comes to its end first, so that no item waits for ever."""
        now = self._assay.sweeps.now()
        slot = now - now % self._interval_us
        if newest is None or newest.run == 0:
            return slot
        under_way = newest.finished_at is None and newest.decision == rollout.sequence and newest.attempts == 0
        return newest.run if under_way else max(newest.run, slot)

    def _is_remote(self, model: str, number: int) -> bool:
        key = (model, number)
        if key not in self._remote:
            self._remote[key] = self._assay.versions.find(model, number).engine == REMOTE
        return self._remote[key]


def _is_continued(job: Job | None) -> bool:
    """Whether the job had its time and left some to be done: then others have their turn first."""
    told = job.result if job is not None else None
    return isinstance(told, dict) and told.get("ended") == BUDGET
