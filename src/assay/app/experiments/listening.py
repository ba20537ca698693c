"""The duty that makes a job for each model whose shadows have something to be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.app.experiments.shadowing import AGED_US, reach
from assay.clock import new_id, now_us
from assay.domain.job import Job
from assay.store.paging import Window
from assay.store.work import jobs
from assay.store.work.thinning import thin

if TYPE_CHECKING:
    from assay.app import Assay

VERB = "shadow"
BY = "experiment"
KEPT = 100  # jobs of a model that went well
FAILED_REST_US = 60_000_000


class Listening:
    """Derived from the record and the marks; costs one look-up while no shadow is open and nothing was decided."""

    def __init__(self, assay: Assay) -> None:
        self._assay = assay
        self._interval_us = int(assay.settings.shadow_interval_s * 1e6)
        self._over_at = -1  # the newest decision, when no shadow was open

    def look(self) -> list[Job]:
        """Makes the jobs that are due; those that were made."""
        newest = self._assay.rollouts.newest()
        if newest == self._over_at:
            return []
        open_ = [model for model in self._assay.shadows.models() if self._assay.shadows.open(model)]
        if not open_:
            self._over_at = newest
        return [job for model in open_ if (job := self._look(model)) is not None]

    def _look(self, model: str) -> Job | None:
        before = self._assay.jobs.page(Window(limit=1), verb=VERB, model=model).entries
        if before and (not before[0].ended or self._rests(before[0])):
            return None
        if not self._due(model):
            return None
        with self._assay.database.writing() as connection:
            if jobs.waiting(connection, VERB, model):
                return None
            thin(connection, VERB, model, KEPT)
            made = Job(
                id=new_id(), at=now_us(), verb=VERB, model=model, by=BY, max_attempts=self._assay.settings.max_attempts
            )
            return jobs.add(connection, made)

    def _rests(self, job: Job) -> bool:
        rest_us = self._interval_us if job.state == "succeeded" else max(self._interval_us, FAILED_REST_US)
        return now_us() - (job.finished_at or job.at) < rest_us

    def _due(self, model: str) -> bool:
        aged = self._assay.shadows.now() - AGED_US
        for course in self._assay.shadows.open(model):
            high = reach(course, aged)
            if course.shadow.upto >= high:
                continue
            heard = self._assay.questions.between(model, course.shadow.upto, high, 1)
            if heard.questions or heard.upto < high or high == course.end:
                return True
        return False
