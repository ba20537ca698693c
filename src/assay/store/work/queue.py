"""The table `jobs`: one queue for everything that is done in the background, and its rows as nouns."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, Connection, Index, Integer, Row, String, Table, insert, select

from assay.domain.job import Job
from assay.errors import JobNotFound
from assay.store.database import metadata

jobs = Table(
    "jobs", metadata,
    Column("id", String(32), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("verb", String(32), nullable=False),
    Column("model", String(64)),
    Column("key", String(256), unique=True),
    Column("arguments", String, nullable=False),  # JSON
    Column("by", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("run_after", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("token", String(32)),
    Column("worker", String(128)),
    Column("lease_until", BigInteger),
    Column("lease_boot", String(64)),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("cancel_requested", Boolean, nullable=False),
    Column("stage", String, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("log", String, nullable=False),
    Column("result", String),  # JSON
    Column("code", String(64), nullable=False),
    Column("error", String, nullable=False),
    Index("ix_jobs_state", "state", "run_after"),
)  # fmt: skip
UNLEASED: dict[str, Any] = {"token": None, "worker": None, "lease_until": None, "lease_boot": None}
AFRESH: dict[str, Any] = {"stage": "", "done": 0, "total": 0, "result": None, "code": "", "error": ""}


def add(connection: Connection, job: Job) -> Job:
    """Queues the job within the caller's transaction; where its key is known already, the job that has it, as it is."""
    if job.key is not None:
        known = connection.execute(select(jobs).where(jobs.c.key == job.key)).first()
        if known is not None:
            return job_of(known)
    values = msgspec.structs.asdict(job)
    values |= {"arguments": json_of(job.arguments), "result": None if job.result is None else json_of(job.result)}
    connection.execute(insert(jobs).values(values))
    return job


def find(connection: Connection, id: str) -> Job:
    """One job, within the caller's transaction; raises JobNotFound."""
    row = connection.execute(select(jobs).where(jobs.c.id == id)).first()
    if row is None:
        raise JobNotFound(id)
    return job_of(row)


def waiting(connection: Connection, verb: str, model: str | None) -> list[Job]:
    """The jobs that are to do this for the model and have not ended, in the order of their making."""
    mine = (jobs.c.verb == verb, jobs.c.model == model, jobs.c.state.in_(("queued", "running")))
    return [job_of(row) for row in connection.execute(select(jobs).where(*mine).order_by(jobs.c.id))]


def job_of(row: Row[Any]) -> Job:
    """The noun of a row."""
    kept = dict(row._mapping)
    kept |= {name: kept[name] and msgspec.json.decode(kept[name]) for name in ("arguments", "result")}
    return Job(**kept)


def json_of(value: Any) -> str:
    """The value as the table keeps it."""
    return msgspec.json.encode(value).decode()
