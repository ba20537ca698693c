"""Who works on which job: a lease on a clock that nobody can set, and a token without which nothing can be written."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Unpack

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from assay.clock import new_id, now_us
from assay.domain.given.task import TOGETHER
from assay.domain.job import Ending, Job
from assay.errors import LeaseLost
from assay.store.database import Database
from assay.store.work.queue import AFRESH, UNLEASED, job_of, jobs, json_of

LOG_BYTES = 16 << 10
WORKER_LOST = "worker_lost"
Clock = tuple[str, int, int]  # which start of the clock, its ticks in microseconds, and the time of the day
BESIDE = "! "  # opens a line of the log that the job's process said itself: for operators, never for the network


class Leases:
    """What workers do with jobs. Whoever holds no token any more gets LeaseLost, whatever it tries.

    Not `fenced` lets it write all the same, to show what the token is for.
    """

    def __init__(self, database: Database, *, fenced: bool = True) -> None:
        self._database = database
        self._fenced = fenced

    def claim(self, worker: str, verbs: Collection[str], lease_s: float, *, only: str | None = None) -> Job | None:
        """The next job that is due or whose worker is lost, the most urgent and then the oldest; None if there is none.

        `only` is the id of the one job that is wanted. A job that was lost for the last time fails, and one that was to be
        canceled ends, in the same transaction.
        """
        with self._database.reading() as connection:  # while nothing is due nobody takes a turn to write
            over, mine = _due(clock_of(self._database, connection), verbs, only)
            if connection.execute(select(jobs.c.id).where(or_(over, mine)).limit(1)).first() is None:
                return None
        with self._database.writing() as connection:
            clock = clock_of(self._database, connection)
            over, mine = _due(clock, verbs, only)  # once more: the turn may have been long in coming
            for row in connection.execute(select(jobs).where(over)).all():
                _release(connection, job_of(row), "")
            first = select(jobs.c.id).where(mine).order_by(jobs.c.priority.desc(), jobs.c.id).limit(1)
            lease: dict[str, Any] = {
                "state": "running", "token": new_id(), "worker": worker[:128], "attempts": jobs.c.attempts + 1,
                "started_at": now_us(), **until(clock, lease_s),
            }  # fmt: skip
            query = update(jobs).where(jobs.c.id == first.scalar_subquery()).values(lease | AFRESH)
            claimed = connection.execute(query.returning(jobs)).first()
            return None if claimed is None else job_of(claimed)

    def held(self, id: str, token: str) -> Job:
        """The job, if it runs and is still this token's; raises LeaseLost. Only reads."""
        with self._database.reading() as connection:
            return self._held(connection, id, token)

    def owned(self, id: str, token: str) -> bool:
        """Whether the job is this token's, or was until its end."""
        with self._database.reading() as connection:
            return connection.execute(select(jobs.c.token).where(jobs.c.id == id)).scalar() == token

    def beat(self, id: str, token: str, lease_s: float) -> Job:
        """Renews the lease; the job tells whether it is to be canceled. Raises LeaseLost."""
        with self._database.writing() as connection:
            return self._write(connection, id, token, **until(clock_of(self._database, connection), lease_s))

    def report(
        self, id: str, token: str, *, stage: str | None = None, done: int | None = None, total: int | None = None,
        line: str | None = None,
    ) -> Job:  # fmt: skip
        """Says how far the job is, and adds a line to its log, of which the last 16 KiB are kept; raises LeaseLost."""
        told = {"stage": stage, "done": done, "total": total}
        values: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
        with self._database.writing() as connection:
            if line is not None:
                said = connection.execute(select(jobs.c.log).where(jobs.c.id == id)).scalar()
                values["log"] = tail(f"{said or ''}{line}\n", LOG_BYTES)
            return self._write(connection, id, token, **values) if values else self._held(connection, id, token)

    def finish(self, connection: Connection, id: str, token: str, **outcome: Unpack[Ending]) -> Job:
        """Ends the job within the transaction that holds what came of it, so that both are kept or neither is.

        Raises LeaseLost, upon which the caller's transaction must not be committed.
        """
        result = outcome.get("result")
        kept = {"code": "", "error": "", **outcome, "result": None if result is None else json_of(result)}
        return self._write(connection, id, token, **kept, finished_at=now_us(), lease_until=None, lease_boot=None)

    def hand_back(self, id: str, token: str, reason: str) -> Job:
        """Back to the queue, as if it had not been begun: its worker was told to stop. Raises LeaseLost."""
        with self._database.writing() as connection:
            return _release(connection, self._held(connection, id, token), reason, counted=False)

    def lost(self, id: str, token: str, reason: str, said: str = "") -> Job:
        """Its process ended without an outcome: back to the queue, or failed where its attempts are used up.

        What the process said goes to the log. A job that was to be canceled is canceled. Raises LeaseLost.
        """
        beside = "".join(f"\n{BESIDE}{line}" for line in said.splitlines())
        with self._database.writing() as connection:
            return _release(connection, self._held(connection, id, token), reason, beside=beside)

    def _held(self, connection: Connection, id: str, token: str) -> Job:
        query = select(jobs).where(jobs.c.id == id, jobs.c.state == "running")
        row = connection.execute(query.where(jobs.c.token == token) if self._fenced else query).first()
        if row is None:
            raise LeaseLost
        return job_of(row)

    def _write(self, connection: Connection, id: str, token: str, **values: Any) -> Job:
        mine = _mine(id, token) if self._fenced else jobs.c.id == id
        row = connection.execute(update(jobs).where(mine).values(values).returning(jobs)).first()
        if row is None:
            raise LeaseLost
        return job_of(row)


def fence(id: str, token: str) -> Callable[[Connection], None]:
    """For `Database.fence`: raises LeaseLost within every transaction of a process whose job is no longer its own."""

    def fenced(connection: Connection) -> None:
        if connection.execute(select(jobs.c.id).where(_mine(id, token))).first() is None:
            raise LeaseLost

    return fenced


def tail(text: str, limit: int) -> str:
    """The last whole lines of a text that is longer than `limit` bytes."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode()
    _, _, whole = data[-limit:].partition(b"\n")
    return (whole or data[-limit:]).decode("utf-8", "ignore")


def _due(clock: Clock, verbs: Collection[str], only: str | None) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Jobs that were lost and have nothing before them but their end, and jobs of these verbs that may be begun now."""
    lost = overdue(clock)
    queued = and_(jobs.c.state == "queued", jobs.c.run_after <= clock[2])
    ended = or_(jobs.c.attempts >= jobs.c.max_attempts, jobs.c.cancel_requested)
    over = and_(lost, ended, jobs.c.verb.not_in(TOGETHER))  # of tasks, whoever does those sees to that
    wanted = jobs.c.verb.in_(tuple(verbs)) if only is None else jobs.c.id == only
    return over, and_(jobs.c.state.in_(("running", "queued")), wanted, or_(lost, queued))


def clock_of(database: Database, connection: Connection) -> Clock:
    """What it is by both clocks of the database."""
    return (*database.lease_clock(connection), database.now(connection))


def overdue(clock: Clock) -> ColumnElement[bool]:
    """Running jobs whose worker is lost."""
    boot, ticks, _ = clock
    return and_(jobs.c.state == "running", or_(jobs.c.lease_boot != boot, jobs.c.lease_until < ticks))


def until(clock: Clock, lease_s: float) -> dict[str, Any]:
    """The columns of a lease that begins now."""
    boot, ticks, _ = clock
    return {"lease_until": ticks + int(lease_s * 1e6), "lease_boot": boot}


def _mine(id: str, token: str) -> ColumnElement[bool]:
    return and_(jobs.c.id == id, jobs.c.token == token, jobs.c.state == "running")


def _release(connection: Connection, job: Job, reason: str, *, counted: bool = True, beside: str = "") -> Job:
    """Takes a job from its worker: back to the queue, or to its end."""
    values: dict[str, Any] = dict(UNLEASED)
    if reason:
        values["log"] = tail(f"{job.log}attempt {job.attempts}: {reason}{beside}\n", LOG_BYTES)
    if job.cancel_requested:
        values |= {"state": "canceled", "finished_at": now_us()}
    elif counted and job.attempts >= job.max_attempts:
        times = "once" if job.attempts == 1 else f"{job.attempts} times"
        said = f"its worker was lost {times}{f', the last one {reason}' if reason else ''}"
        values |= {"state": "failed", "finished_at": now_us(), "code": WORKER_LOST, "error": said}
    else:
        values |= {"state": "queued", "attempts": job.attempts if counted else max(job.attempts - 1, 0)}
    return job_of(connection.execute(update(jobs).where(jobs.c.id == job.id).values(values).returning(jobs)).one())
