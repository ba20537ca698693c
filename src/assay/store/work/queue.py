"""The table `jobs`: one queue for everything that is done in the background, and its rows as nouns."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    case,
    func,
    insert,
    null,
    select,
)  # fmt: skip

from assay.domain.given.task import HEAD_CHARACTERS, PREDICT, head_of
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
    Index("ix_jobs_queue", "state", "verb", "model", "run_after", "id"),
)  # fmt: skip
# A task is written as the record is, by its own quick way: the columns that differ, and what all of them begin with.
TASK_COLUMNS = ("id", "at", "model", "key", "arguments", "by", "max_attempts", "total")
TASKS_BEGIN: dict[str, str | int | bool] = {
    "verb": PREDICT, "state": "queued", "priority": 0, "run_after": 0, "attempts": 0, "cancel_requested": False,
    "stage": "", "done": 0, "log": "", "code": "", "error": "",
}  # fmt: skip
UNLEASED: dict[str, Any] = {"token": None, "worker": None, "lease_until": None, "lease_boot": None}
AFRESH: dict[str, Any] = {"stage": "", "done": 0, "total": 0, "result": None, "code": "", "error": ""}
_task = jobs.c.verb == PREDICT
# of a task only the head of what was asked, which may be very long; on a page not what was answered either
_SHORT = {"arguments": case((_task, func.substr(jobs.c.arguments, 1, HEAD_CHARACTERS)), else_=jobs.c.arguments)}
_SHORTER = {**_SHORT, "result": case((_task, null()), else_=jobs.c.result)}


def add(connection: Connection, job: Job) -> Job:
    """Queues the job within the caller's transaction; where its key is known already, the job that has it, as it is."""
    if job.key is not None:
        known = connection.execute(select(jobs).where(jobs.c.key == job.key)).first()
        if known is not None:
            return job_of(known)
    connection.execute(insert(jobs).values(values_of(job)))
    return job


def values_of(job: Job) -> dict[str, Any]:
    """The row of a job."""
    result = None if job.result is None else json_of(job.result)
    return msgspec.structs.asdict(job) | {"arguments": json_of(job.arguments), "result": result}


def brief(*, results: bool = True) -> Select[Any]:
    """Jobs as they are told of: a task without its questions, and without its answers where those are not asked for."""
    told = _SHORT if results else _SHORTER
    return select(*(told[column.name].label(column.name) if column.name in told else column for column in jobs.c))


def find(connection: Connection, id: str) -> Job:
    """One job, within the caller's transaction; raises JobNotFound."""
    row = connection.execute(brief().where(jobs.c.id == id)).first()
    if row is None:
        raise JobNotFound(id)
    return job_of(row)


def waiting(connection: Connection, verb: str, model: str | None) -> list[Job]:
    """The jobs that are to do this for the model and have not ended, in the order of their making."""
    mine = (jobs.c.verb == verb, jobs.c.model == model, jobs.c.state.in_(("queued", "running")))
    return [job_of(row) for row in connection.execute(select(jobs).where(*mine).order_by(jobs.c.id))]


def job_of(row: Row[Any], *, raw: bool = False) -> Job:
    """The noun of a row; of a task the arguments are what may be told of them, and the result, where told so, is JSON."""
    kept = dict(row._mapping)
    if kept["verb"] == PREDICT:
        kept["arguments"] = msgspec.structs.asdict(head_of(kept["arguments"])) | {"questions": kept["total"]}
    else:
        kept["arguments"] = msgspec.json.decode(kept["arguments"])
    if raw and kept["result"]:
        kept["result"] = msgspec.Raw(kept["result"].encode())
    else:
        kept["result"] = kept["result"] and msgspec.json.decode(kept["result"])
    return Job(**kept)


def json_of(value: Any) -> str:
    """The value as the table keeps it."""
    return msgspec.json.encode(value).decode()
