"""Tasks as those who have asked see them: queued with the record of their exchange, counted, and looked for."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Select, bindparam, func, select

from assay.domain.given.task import PREDICT, Order
from assay.domain.job import ENDED, Job
from assay.errors import IdempotencyMismatch
from assay.store.database import Database, Values
from assay.store.work.queue import brief, job_of, jobs

SEEN = brief().where(jobs.c.id.in_(bindparam("ids", expanding=True)))
ENDED_OF = SEEN.where(jobs.c.state.in_(sorted(ENDED)))


class Tasks:
    """Reading of the queue; the recorder writes what is accepted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, limit: int) -> int:
        """How many tasks wait to be begun; not counted further than `limit`."""
        some = select(jobs.c.id).where(jobs.c.state == "queued", jobs.c.verb == PREDICT).limit(limit)
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(some.subquery())).scalar_one())

    def seen(self, ids: Iterable[str]) -> dict[str, Job]:
        """Jobs of any verb, by id; those that do not exist are left out. Of a task without its questions; results are JSON."""
        return {job.id: job for job in self._find(ids, SEEN)}

    def ended(self, ids: Iterable[str]) -> list[Job]:
        """Those of the jobs that have ended; results are JSON."""
        return self._find(ids, ENDED_OF)

    def known(self, key: str, questions: bytes) -> Job | None:
        """The task of this key; raises IdempotencyMismatch where it asks for something else."""
        with self._database.reading() as connection:
            asked = connection.execute(select(jobs.c.arguments).where(jobs.c.key == key)).scalar()
            if asked is None:
                return None
            if bytes(msgspec.json.decode(asked, type=Order).questions) != questions.strip():
                raise IdempotencyMismatch
            return job_of(connection.execute(brief().where(jobs.c.key == key)).one())

    def _find(self, ids: Iterable[str], query: Select[Any]) -> list[Job]:
        with self._database.reading() as connection:
            return [job_of(row, raw=True) for row in connection.execute(query, {"ids": list(ids)})]


def row_of(job: Job, order: Order) -> Values:
    """A task as the recorder queues it, in the order of `queue.TASK_COLUMNS`."""
    told = msgspec.json.encode(order).decode()
    return (job.id, job.at, job.model, job.key, told, job.by, job.max_attempts, job.total)


def key_of(key: str) -> str:
    """The key of the one task for a client's Idempotency-Key, scoped by its route."""
    return f"{PREDICT}:{sha256(key.encode()).hexdigest()}"
