"""Small jobs as whoever does them sees them: claimed many at a time with one lease, and ended in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, case, insert, update

from assay.clock import new_id, new_ids, now_us
from assay.domain.given.task import NOTIFY, TOGETHER
from assay.domain.job import Job
from assay.domain.releases.rollout import Rollout
from assay.store.database import Database, Values
from assay.store.record import predictions as record
from assay.store.releases.rollouts import ruling
from assay.store.work import claims
from assay.store.work.leases import Clock, clock_of, until
from assay.store.work.queue import UNLEASED, jobs, values_of

MOST_TASKS = 512  # claimed at once
FEW = 16  # of those that were lost once: one of them may be the cause
NOTICES = 8  # how often one is tried
Told = Literal["succeeded", "failed", "canceled", "again"]


class Claimed(msgspec.Struct, frozen=True):
    """One job of a batch: what is asked, as JSON, how often it was begun, and how often it may be."""

    id: str
    arguments: str
    rows: int
    attempts: int
    max_attempts: int


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs of one verb and model that were claimed together. All have one token, and without it nothing can be written.

    `rollout` is the decision that ruled the model when they were claimed; None where there is none.
    """

    token: str
    verb: str
    model: str | None
    jobs: list[Claimed]
    rollout: Rollout | None = None


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one job: `result` is JSON, `answers` are rows of the record, `notice` are the arguments of a job to tell.

    One that is to be tried `again` waits for `pause_s` seconds.
    """

    id: str
    told: Told
    result: str | None = None
    code: str = ""
    error: str = ""
    answers: Sequence[Values] = ()
    notice: dict[str, Any] | None = None
    pause_s: float = 0.0


class Due(NamedTuple):
    """Work that can be begun now: a verb, and for which model."""

    verb: str
    model: str | None


class Claiming:
    """Jobs of the verbs that are done together. Not `fenced` lets whoever lost them write, to show what the token is for."""

    def __init__(self, database: Database, *, fenced: bool = True) -> None:
        self._database = database
        self._fenced = fenced

    def due(self) -> list[Due]:
        """What can be begun now, or was begun by somebody who is lost. Only reads; quick however many tasks wait."""
        with self._database.reading() as connection:
            clock = clock_of(self._database, connection)
            found = [Due(*row) for row in connection.execute(claims.LOST_OF_ALL, _told(clock))]
            for verb in TOGETHER:
                found += [Due(verb, model) for model in _waiting(connection, verb, clock[2])]
        return list(dict.fromkeys(found))

    def is_due(self, due: Due) -> bool:
        """Whether there is something of this to be begun now. Only reads."""
        with self._database.reading() as connection:
            return bool(_candidates(connection, due, clock_of(self._database, connection), 1))

    def claim(self, worker: str, due: Due, rows: int, lease_s: float) -> Batch | None:
        """The oldest jobs that can be begun, as many as have about so many questions together; None where there is none.

        Of jobs that were lost before only a few come together, and each for the last time comes alone. Those that have no
        attempt left come with more attempts than they may have, to be ended and not to be done.
        """
        with self._database.writing() as connection:
            clock = clock_of(self._database, connection)
            chosen = _chosen(connection, due, clock, rows)
            if not chosen:
                return None
            over = _over(chosen[0])
            lease, token = until(clock, lease_s), new_id()
            told = {
                "now_token": token, "now_worker": worker[:128], "now_at": now_us(), "one_more": 0 if over else 1,
                "until": lease["lease_until"], "boot": lease["lease_boot"], "ids": [row.id for row in chosen],
            }  # fmt: skip
            taken = [Claimed(*row) for row in connection.execute(claims.CLAIM, told)]
            taken.sort(key=lambda job: job.id)
            if over:
                taken = [msgspec.structs.replace(job, attempts=job.max_attempts + 1) for job in taken]
            decided = ruling(connection, due.model) if due.model is not None else None
        return Batch(token=token, verb=due.verb, model=due.model, jobs=taken, rollout=decided)

    def finish(self, batch: Batch, ended: Sequence[Ended]) -> list[str]:
        """Ends jobs in one transaction with all that came of them; returns those that are no longer ours, and stay as they are.

        One that was to be canceled meanwhile is canceled, and its answers are not kept.
        """
        with self._database.writing() as connection:
            held = self._held(connection, batch, [one.id for one in ended])
            ours = [_canceled(one) if held[one.id] else one for one in ended if one.id in held]
            now = now_us()
            _keep_answers(connection, [row for one in ours for row in one.answers])
            _end(connection, [one for one in ours if one.told != "again"], now)
            _postpone(connection, [one for one in ours if one.told == "again"], self._database.now(connection))
            _order_notices(connection, batch, [one for one in ours if one.notice is not None], now)
            self._database.tell(connection, "ended")
            if any(one.notice is not None for one in ours):
                self._database.tell(connection, "queued")
        return [one.id for one in ended if one.id not in held]

    def beat(self, batch: Batch, lease_s: float) -> bool:
        """Renews the lease of all jobs of a batch that still are ours; whether there is one."""
        with self._database.writing() as connection:
            lease = until(clock_of(self._database, connection), lease_s)
            return connection.execute(update(jobs).where(_mine(batch)).values(lease)).rowcount > 0

    def hand_back(self, batch: Batch) -> int:
        """Back to the queue, as if they had not been begun; how many of the batch had not been ended."""
        anew = {"state": "queued", "attempts": case((jobs.c.attempts > 0, jobs.c.attempts - 1), else_=0), **UNLEASED}
        with self._database.writing() as connection:
            count = connection.execute(update(jobs).where(_mine(batch)).values(anew)).rowcount
            self._database.tell(connection, "queued")
        return count

    def _held(self, connection: Connection, batch: Batch, ids: list[str]) -> dict[str, bool]:
        """Which of these are still ours, and whether each is to be canceled."""
        if self._fenced:
            found = connection.execute(claims.HELD, {"ids": ids, "held_by": batch.token})
        else:
            found = connection.execute(claims.ANYBODYS, {"ids": ids})
        return {row.id: row.cancel_requested for row in found}


def _waiting(connection: Connection, verb: str, now: int) -> list[str]:
    """The models for which jobs of the verb are due."""
    found, last = [], ""
    while (row := connection.execute(claims.NEXT_MODEL, {"verb": verb, "last": last}).first()) is not None:
        last = str(row.model)
        if row.run_after <= now:
            found.append(last)
    return found


def _chosen(connection: Connection, due: Due, clock: Clock, rows: int) -> list[Any]:
    """The jobs of a batch, all of them equally trustworthy."""
    chosen: list[Any] = []
    asked = 0
    for row in _candidates(connection, due, clock, min(MOST_TASKS, max(rows, 1))):
        asked += max(row.total, 1)
        another = chosen and (_over(row), _width(row)) != (_over(chosen[0]), _width(chosen[0]))
        if another or len(chosen) >= _width(row) or (chosen and asked > rows):
            break
        chosen.append(row)
    return chosen


def _candidates(connection: Connection, due: Due, clock: Clock, limit: int) -> Sequence[Any]:
    """The jobs that can be begun, the oldest first: those whose worker is lost, or else those that wait."""
    told = {"verb": due.verb, "model": due.model, "most": limit}
    lost = connection.execute(claims.OURS_LOST, told | _told(clock)).all()
    return lost or connection.execute(claims.OURS_QUEUED, told | {"now": clock[2]}).all()


def _told(clock: Clock) -> dict[str, Any]:
    return {"boot": clock[0], "ticks": clock[1]}


def _over(row: Any) -> bool:
    """Whether the job was lost and has nothing before it but its end."""
    return bool(row.state == "running" and (row.attempts >= row.max_attempts or row.cancel_requested))


def _width(row: Any) -> int:
    """With how many of its kind the job may be done: who may have ended a worker should not take others along again."""
    if _over(row):
        return MOST_TASKS
    if row.attempts + 1 >= row.max_attempts:
        return 1
    return FEW if row.attempts else MOST_TASKS


def _mine(batch: Batch) -> Any:
    # state and verb first, which an index leads by: few run at a time
    return and_(jobs.c.state == "running", jobs.c.verb == batch.verb, jobs.c.token == batch.token)


def _canceled(one: Ended) -> Ended:
    return Ended(id=one.id, told="canceled")


def _keep_answers(connection: Connection, rows: list[Values]) -> None:
    plain = [row for row in rows if len(row) == len(record.PLAIN_COLUMNS)]
    others = [record.whole(row) for row in rows if len(row) != len(record.PLAIN_COLUMNS)]
    for columns, some in ((record.PLAIN_COLUMNS, plain), (record.COLUMNS, others)):
        if some:
            connection.execute(insert(record.predictions), [dict(zip(columns, row, strict=True)) for row in some])


def _end(connection: Connection, ended: list[Ended], now: int) -> None:
    told = [
        {
            "job": one.id, "told": one.told, "came_of_it": one.result, "named": one.code, "said": one.error, "at_last": now,
        }
        for one in ended
    ]  # fmt: skip
    if told:
        connection.execute(claims.END, told)


def _postpone(connection: Connection, ended: list[Ended], clock: int) -> None:
    """Back to the queue, to be tried again after a while."""
    for one in ended:
        values = {"state": "queued", "run_after": clock + int(one.pause_s * 1e6), "code": one.code, "error": one.error}
        connection.execute(update(jobs).where(jobs.c.id == one.id).values(values | UNLEASED))


def _order_notices(connection: Connection, batch: Batch, ended: list[Ended], now: int) -> None:
    made = [
        Job(
            id=id, at=now, verb=NOTIFY, model=batch.model, arguments=one.notice or {}, by="a task", max_attempts=NOTICES
        )
        for one, id in zip(ended, new_ids(len(ended)), strict=True)
    ]
    if made:
        connection.execute(insert(jobs), [values_of(job) for job in made])
