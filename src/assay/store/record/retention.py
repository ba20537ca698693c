"""Deleting what has become too old from the record, so little at a time that whoever asks does not feel it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, delete, or_, select

from assay.clock import ticks_us
from assay.domain.given.task import TOGETHER
from assay.domain.job import ENDED
from assay.store.database import Database
from assay.store.databases.checkpointing import checkpoint
from assay.store.paging import LAST_ID, Span, first_id
from assay.store.record.exchanges import exchanges
from assay.store.record.outcomes import outcomes
from assay.store.record.predictions import predictions
from assay.store.work.queue import jobs

DAY_US = 86_400_000_000
# How much longer deleting may take than finding what is to be deleted: the rest, the disk's part above all, is nothing
# that a smaller chunk would spare.
AIM_US = 1_000
SMALLEST, LARGEST = 20, 5_000
CHECKPOINT_EVERY = 8  # chunks


class Deleted(NamedTuple):
    """What a chunk came to: of which table, how many rows, and how long the turn was held."""

    table: str
    rows: int
    took_us: int


class Old(NamedTuple):
    """The ids before which rows are old: any, and those whose answer is given again to whoever repeats the request."""

    any: str
    keyed: str


class Retention:
    """Deletes old exchanges, predictions, outcomes, and tasks that have ended with their notices, the oldest first.

    Any number may be at work, on any hosts: each chunk is decided in the one turn to write, so that nothing is deleted
    twice, and whoever sees that another is at work leaves it to that.
    """

    def __init__(self, database: Database, keep_us: int) -> None:
        self._database = database
        self._keep_us = keep_us
        over = (jobs.c.verb.in_(TOGETHER), jobs.c.state.in_(sorted(ENDED)))
        self._sweeps = [_Sweep(database, table) for table in (predictions, exchanges, outcomes)]
        self._sweeps.append(_Sweep(database, jobs, over))
        self._left: list[_Sweep] = []
        self._old = Old("", "")
        self._chunks = 0

    def begin(self) -> None:
        """Another look at what is old by now; raises StoreUnavailable."""
        with self._database.reading() as connection:
            now = self._database.now(connection)
        self._old = Old(first_id(now - self._keep_us), first_id(now - max(self._keep_us, DAY_US)))
        for sweep in self._sweeps:
            sweep.expected = None
        self._left = list(self._sweeps)

    def chunk(self) -> Deleted | None:
        """Deletes a little, of each table in turns; None where there is nothing left to do. Raises StoreUnavailable."""
        while self._left:
            sweep = self._left.pop(0)
            deleted = sweep.chunk(self._old)
            if deleted is None:
                continue
            if sweep.expected is not None:
                self._left.append(sweep)
            self._chunks += 1
            if self._chunks % CHECKPOINT_EVERY == 0:
                checkpoint(self._database)
            return deleted
        return None


class _Sweep:
    """One table, or the rows of it that are also so, a chunk at a time. It learns how large a chunk may be.

    `expected` is the id with which the next chunk will begin, unless somebody else is at work; None at the end.
    """

    def __init__(self, database: Database, table: Table, also: Sequence[Any] = ()) -> None:
        self._database = database
        self._table = table
        self._also = also
        self._size = SMALLEST
        self._since = ""
        self.expected: str | None = None

    def chunk(self, old: Old) -> Deleted | None:
        """Deletes the oldest rows; None where none is old, or somebody else deletes them."""
        if self.expected is None:  # while nothing is old nobody takes a turn to write
            with self._database.reading() as connection:
                if not self._oldest(connection, old, 1):
                    self._since = ""
                    return None
        with self._database.writing() as connection:
            begun = ticks_us()
            ids = self._oldest(connection, old, self._size + 1)
            found = ticks_us()
            another = self.expected is not None and ids[:1] != [self.expected]
            if another or not ids:
                self.expected = None
                return None
            last = ids[: self._size][-1]
            gone = connection.execute(delete(self._table).where(*self._where(old, Span(ids[0], last + LAST_ID))))
            work_us = (ticks_us() - found) - (found - begun)
        took_us = ticks_us() - begun
        self.expected = ids[self._size] if len(ids) > self._size else None
        self._since = (
            last + LAST_ID
        )  # what is deleted may stand in an index for a while, and is not to be gone through again
        fitting = self._size * AIM_US // max(work_us, 1)
        self._size = min(max(fitting, self._size // 2, SMALLEST), self._size * 2, LARGEST)
        return Deleted(self._table.name, gone.rowcount, took_us)

    def _oldest(self, connection: Connection, old: Old, count: int) -> list[str]:
        where = self._where(old, Span(self._since, old.any))
        query = select(self._table.c.id).where(*where).order_by(self._table.c.id).limit(count)
        return list(connection.execute(query).scalars())

    def _where(self, old: Old, among: Span) -> list[Any]:
        ids = self._table.c.id
        where = [ids >= among.low, ids < among.high, *self._also]
        key = self._table.c.get("idempotency_key")
        return where if key is None else [*where, or_(key.is_(None), ids < old.keyed)]
