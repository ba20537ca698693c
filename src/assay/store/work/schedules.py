"""The table `schedules`: since when a schedule is known, and the newest slot that was given its job."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import BigInteger, Column, Connection, String, Table, delete, func, insert, select, update

from assay.domain.job import Job
from assay.store.database import Database, metadata
from assay.store.work import queue

schedules = Table(
    "schedules", metadata,
    Column("name", String(64), primary_key=True),
    Column("rule", String, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("slot", BigInteger),
)  # fmt: skip


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as the store knows it: `rule` since a moment, and the newest slot that has its job (None: none yet)."""

    name: str
    rule: str
    since: int
    slot: int | None = None


class Schedules:
    """The collection. A slot is given its job in one transaction with its being remembered, by one process of many.

    Not `once` lets every process that has seen a slot to be due make a job for it, to show what that is for.
    """

    def __init__(self, database: Database, *, once: bool = True) -> None:
        self._database = database
        self._once = once

    def meet(self, name: str, rule: str, now: int) -> Known:
        """What is known of the schedule; at first sight, and where its rule has changed, it begins now."""
        known = self._find(name)
        if known is not None and known.rule == rule:
            return known
        with self._database.writing() as connection:
            known = _known(connection, name)
            if known is not None and known.rule == rule:
                return known
            begun = Known(name=name, rule=rule, since=now)
            connection.execute(delete(schedules).where(schedules.c.name == name))
            connection.execute(insert(schedules).values(msgspec.structs.asdict(begun)))
            return begun

    def give(self, seen: Known, slot: int, made: Sequence[Job]) -> list[Job]:
        """Queues the jobs of the slots up to this one; none, if another process has been quicker since `seen`."""
        query = update(schedules).where(schedules.c.name == seen.name)
        if self._once:
            query = query.where(schedules.c.rule == seen.rule, schedules.c.slot.is_not_distinct_from(seen.slot))
        with self._database.writing() as connection:
            if connection.execute(query.values(slot=slot)).rowcount != 1:
                return []
            keyed = made if self._once else [msgspec.structs.replace(job, key=None) for job in made]
            return [queue.add(connection, job) for job in keyed]

    def waiting(self, name: str) -> int:
        """How many jobs of earlier slots have not been begun yet."""
        mine = queue.jobs.c.key.startswith(f"schedule:{name}:", autoescape=True) & (queue.jobs.c.state == "queued")
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(queue.jobs).where(mine)).scalar() or 0)

    def now(self) -> int:
        """The time of the day in microseconds, by the clock that all schedulers share."""
        with self._database.reading() as connection:
            return self._database.now(connection)

    def _find(self, name: str) -> Known | None:
        with self._database.reading() as connection:
            return _known(connection, name)


def _known(connection: Connection, name: str) -> Known | None:
    row = connection.execute(select(schedules).where(schedules.c.name == name)).first()
    return None if row is None else Known(**row._mapping)
