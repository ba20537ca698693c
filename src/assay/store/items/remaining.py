"""What is left to be done, as the tables say it: live items without a set of a version, and sets that do not stand yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.sql.selectable import ScalarSelect

from assay.domain.items.score import Standing
from assay.store.database import Database
from assay.store.items.failures import failures
from assay.store.items.items import LIVE, items
from assay.store.items.scores import scores
from assay.store.items.standings import standings
from assay.store.items.sweeps import Work

LAST = 2**31 - 1  # comes after every sequence
COUNTED_AT_ONCE = 10_000
Chosen = Callable[[str], bool]


class Waiting(NamedTuple):
    """An item that is to be scored, `sequence` being its place in the order of their coming."""

    sequence: int
    item: str
    name: str
    digest: str
    seconds: int


class Counted(NamedTuple):
    """How many live items there are up to the sequence `seen`, and how many of them have neither a set nor a failure."""

    seen: int
    wanted: int
    pending: int


class Behind(NamedTuple):
    """An item whose set stands by an earlier decision, or whose set does not stand at all."""

    sequence: int
    digest: str
    standing: Standing


class Remaining:
    """Derived anew at each call. What costs more than a page is said."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, collection: str) -> int:
        """The sequence of the item that came last of those that live; 0 if there is none."""
        query = select(func.max(items.c.sequence)).where(items.c.collection == collection, LIVE)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar() or 0)

    def live(self, collection: str) -> int:
        """How many items live; looks at each in an index."""
        query = select(func.count()).select_from(items).where(items.c.collection == collection, LIVE)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def arrived(self, collection: str, after: int, limit: int) -> list[str]:
        """The digests of live items that came after this sequence, at most so many."""
        query = select(items.c.digest).where(items.c.collection == collection, LIVE, items.c.sequence > after)
        with self._database.reading() as connection:
            return list(connection.execute(query.limit(limit)).scalars())

    def page(self, work: Work, *, after: int = 0, before: int = LAST, limit: int = 256) -> list[Waiting]:
        """The newest items between two sequences without a set, but for failures that rest; at most so many."""
        with self._database.reading() as connection:
            resting = _failure(work, failures.c.retry_at > self._database.now(connection))
            query = select(items.c.sequence, items.c.id, items.c.name, items.c.digest, items.c.frames, items.c.rate)
            query = query.where(*_among(work.collection, after, before), _set_of(work).is_(None), resting.is_(None))
            rows = connection.execute(query.order_by(items.c.sequence.desc()).limit(limit)).all()
        return [Waiting(*row[:4], row.frames // row.rate) for row in rows]

    def due(self, work: Work, limit: int = 256) -> list[Waiting]:
        """Items whose failures have rested, at most so many; costs as little as there are."""
        query = select(items.c.sequence, items.c.id, items.c.name, items.c.digest, items.c.frames, items.c.rate)
        mine = (failures.c.model == work.model, failures.c.version == work.version)
        of = failures.join(items, items.c.id == failures.c.item)
        with self._database.reading() as connection:
            rested = failures.c.retry_at <= self._database.now(connection)
            query = query.select_from(of).where(*mine, rested, items.c.collection == work.collection, LIVE)
            rows = connection.execute(query.where(_set_of(work).is_(None)).limit(limit)).all()
        return [Waiting(*row[:4], row.frames // row.rate) for row in rows]

    def count(self, work: Work, chosen: Chosen | None = None) -> Counted:
        """Looks at every live item; with `chosen`, which is asked for digests, only at those that it says are meant."""
        seen = self.newest(work.collection)
        if chosen is None:
            return Counted(seen, *self._count(work, seen))
        wanted = pending = 0
        for digest, untouched in self._digests(work, seen):
            mine = chosen(digest)
            wanted += mine
            pending += mine and untouched
        return Counted(seen, wanted, pending)

    def behind(self, work: Work, decision: int, *, before: int = LAST, limit: int = 256) -> list[Behind]:
        """The newest items with a set of this version, whichever run, that does not stand by this decision yet."""
        newest = select(scores.c.id).where(scores.c.item == items.c.id, scores.c.model == work.model)
        newest = newest.where(scores.c.version == work.version).order_by(scores.c.run.desc()).limit(1)
        older = select(standings.c.decision).where(standings.c.item == items.c.id, standings.c.model == work.model)
        found = (
            select(items.c.sequence, items.c.id, items.c.digest, newest.scalar_subquery().label("score"))
            .where(*_among(work.collection, 0, before), func.coalesce(older.scalar_subquery(), -1) < decision)
            .subquery()
        )
        query = select(found, scores.c.run).join(scores, scores.c.id == found.c.score)
        with self._database.reading() as connection:
            now = self._database.now(connection)
            rows = connection.execute(query.order_by(found.c.sequence.desc()).limit(limit)).all()
        return [
            Behind(
                row.sequence, row.digest,
                Standing(item=row.id, model=work.model, score=row.score, version=work.version, run=row.run,
                         decision=decision, at=now),
            )
            for row in rows
        ]  # fmt: skip

    def _count(self, work: Work, seen: int) -> tuple[int, int]:
        among = _among(work.collection, 0, seen + 1)
        known = select(scores.c.item).where(*_of(work)).exists()
        failed = select(failures.c.item).where(*_failed(work)).exists()
        every, left = (select(func.count()).select_from(items).where(*among) for _ in range(2))
        with self._database.reading() as connection:
            wanted = int(connection.execute(every).scalar_one())
            return wanted, int(connection.execute(left.where(~known, ~failed)).scalar_one())

    def _digests(self, work: Work, seen: int) -> Iterator[tuple[str, bool]]:
        untouched = _set_of(work).is_(None) & _failure(work).is_(None)
        before = seen + 1
        while True:
            query = select(items.c.sequence, items.c.digest, untouched.label("untouched"))
            query = query.where(*_among(work.collection, 0, before)).order_by(items.c.sequence.desc())
            with self._database.reading() as connection:
                rows = connection.execute(query.limit(COUNTED_AT_ONCE)).all()
            yield from ((row.digest, bool(row.untouched)) for row in rows)
            if len(rows) < COUNTED_AT_ONCE:
                return
            before = rows[-1].sequence


def _among(collection: str, after: int, before: int) -> list[ColumnElement[bool]]:
    return [items.c.collection == collection, LIVE, items.c.sequence > after, items.c.sequence < before]


def _of(work: Work) -> list[ColumnElement[bool]]:
    told = {"model": work.model, "version": work.version, "run": work.run}
    return [scores.c.item == items.c.id, *(scores.c[name] == value for name, value in told.items())]


def _failed(work: Work) -> list[ColumnElement[bool]]:
    mine = (failures.c.model == work.model, failures.c.version == work.version)
    return [failures.c.item == items.c.id, *mine]


# Looked up one by one in an index: a planner that joined whole tables would do so for each page.
def _set_of(work: Work) -> ScalarSelect[Any]:
    query: Select[Any] = select(scores.c.item).where(*_of(work))
    return query.limit(1).correlate(items).scalar_subquery()


def _failure(work: Work, *more: ColumnElement[bool]) -> ScalarSelect[Any]:
    query: Select[Any] = select(failures.c.item).where(*_failed(work), *more)
    return query.limit(1).correlate(items).scalar_subquery()
