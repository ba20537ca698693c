"""The collection of jobs as people and routes see it: queued once a key, listed, canceled, tried again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, or_, select, update

from assay.clock import now_us
from assay.domain.given.task import TOGETHER
from assay.domain.job import STATES, Job
from assay.errors import JobEnded, JobNotFailed
from assay.store.audit import note
from assay.store.paging import Page, Window, page_of, window
from assay.store.work.leases import Leases, fence
from assay.store.work.queue import AFRESH, UNLEASED, add, brief, find, job_of, jobs, waiting

__all__ = ["Jobs", "add", "fence", "find", "jobs", "waiting"]  # the one door to the room's jobs


class Jobs(Leases):
    """The collection, with what workers do with it."""

    def add(self, job: Job) -> Job:
        """Queues the job; where its key is known already, the job that has it, as it is."""
        with self._database.writing() as connection:
            return add(connection, job)

    def find(self, id: str) -> Job:
        """One job; raises JobNotFound."""
        with self._database.reading() as connection:
            return find(connection, id)

    def page(
        self, asked: Window, *, state: str | None = None, verb: str | None = None, model: str | None = None
    ) -> Page[Job]:
        """The newest first, or only those in one state or several (`queued,running`), of one verb, for one model.

        A job for all models is for each. Of tasks without what was asked and answered.
        """
        query = brief(results=False)
        if state is not None:
            query = query.where(jobs.c.state.in_(state.split(",")))
        if verb is not None:
            query = query.where(jobs.c.verb == verb)
        if state is None and verb is not None and verb not in TOGETHER:
            query = query.where(jobs.c.state.in_(STATES))  # leads to them past any number of tasks
        if model is not None:
            query = query.where(or_(jobs.c.model == model, jobs.c.model.is_(None)))
        with self._database.reading() as connection:
            return page_of([job_of(row) for row in connection.execute(window(query, jobs.c, asked))], asked)

    def counts(self) -> dict[str, int]:
        """How many there are in each state; states without any are left out."""
        query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
        with self._database.reading() as connection:
            return {str(state): int(count) for state, count in connection.execute(query)}

    def cancel(self, id: str, by: str) -> Job:
        """Ends a queued job at once, and asks the worker of a running one to end it; raises JobNotFound or JobEnded."""
        with self._database.writing() as connection:
            job = find(connection, id)
            if job.ended:
                raise JobEnded(job.state)
            if job.cancel_requested:
                return job
            ending = {"state": "canceled", "finished_at": now_us()} if job.state == "queued" else {}
            return _change(connection, job, "job.cancel", by, ending | {"cancel_requested": True})

    def retry(self, id: str, by: str) -> Job:
        """Queues a job again that failed or was canceled, with all its attempts; raises JobNotFound or JobNotFailed."""
        with self._database.writing() as connection:
            job = find(connection, id)
            if job.state not in ("failed", "canceled"):
                raise JobNotFailed(job.state)
            anew: dict[str, Any] = {"state": "queued", "attempts": 0, "cancel_requested": False}
            never: dict[str, Any] = {"started_at": None, "finished_at": None}
            counted = {"total": job.total} if job.verb in TOGETHER else {}
            return _change(connection, job, "job.retry", by, anew | never | UNLEASED | AFRESH | counted)


def _change(connection: Connection, job: Job, action: str, by: str, values: dict[str, Any]) -> Job:
    row = connection.execute(update(jobs).where(jobs.c.id == job.id).values(values).returning(jobs)).one()
    changed = job_of(row)
    before, after = ({"state": one.state, "cancel_requested": one.cancel_requested} for one in (job, changed))
    note(connection, action, job.id, by=by, before=before, after=after)
    return changed
