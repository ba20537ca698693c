"""The newest rows of the record by its indexes: a look goes through so many entries at most, however long the record is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, Table, func, select, tuple_

from assay.store.paging import EARLIER_US, LAST_ID, LATER_US, Kept, Page, Span, Window, cursor_of, first_id, span

LOOK_BACK = 20_000
LOOKS = (500, 3_000, 10_000)  # entries that a page looks at, at most the last of them; mostly the first finds enough
ROWS = 1_000  # that are fetched at once
TOLD = ("id", "at", "method", "path", "status")  # what conditions may be about
Conditions = Callable[[Any], list[ColumnElement[bool]]]  # of a table's columns


class Part(NamedTuple):
    """A part of an index in which ids are in order: these values of the columns that come before the ids.

    `implied` is what the index itself is limited to; `newest` the last of the part's ids, where it is known.
    """

    columns: tuple[Column[Any], ...] = ()
    values: tuple[Any, ...] = ()
    implied: tuple[Any, ...] = ()
    newest: str = LAST_ID


class Look(NamedTuple):
    """The ids that were found, the newest first. `upto` is the one that was looked at last, where older ones were not."""

    ids: list[str]
    upto: str | None = None


class Walk:
    """One view of one table, from the newest row to the oldest."""

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._table = table

    def between(self, parts: Iterable[Part], asked: Window) -> Look:
        """What a page needs: the newest of all parts in the window, one more than its limit.

        Times are looked at only near the window's ends: elsewhere the ids tell already.
        """
        low, high = span(asked)
        until = high if asked.until is None else min(first_id(asked.until - EARLIER_US), high)
        since = low if asked.since is None else min(first_id(asked.since + LATER_US), until)
        known, where, limit = list(parts), conditions(asked), asked.limit + 1
        look = Look([])
        for among, told in ((Span(until, high), where), (Span(since, until), None), (Span(low, since), where)):
            if among.low < among.high and len(look.ids) < limit and look.upto is None:
                found = self.merged(known, among, limit - len(look.ids), told)
                look = Look([*look.ids, *found.ids], found.upto)
        return look

    def merged(self, parts: Iterable[Part], among: Span, limit: int, where: Conditions | None = None) -> Look:
        """The newest of all parts together. What is older than enough of the parts before is not looked at."""
        ids: list[str] = []
        upto: str | None = None
        low, high = among
        for part in sorted(parts, key=lambda one: one.newest, reverse=True):
            if part.newest < low:
                break
            found = self.newest(part, Span(low, high), limit, where)
            ids = sorted([*ids, *found.ids], reverse=True)[:limit]
            upto = max(filter(None, (upto, found.upto)), default=None)
            low = max(low, upto or "", ids[-1] if len(ids) == limit else "")
        whole = [one for one in ids if one >= low]
        return Look(whole, None if len(whole) == limit else upto)

    def newest(self, part: Part, among: Span, limit: int, where: Conditions | None = None) -> Look:
        """The newest of one part. With conditions that no index knows, so many entries are looked at and no more."""
        if where is None:
            ids = self._connection.execute(self._entries(part, among, limit, "id")).scalars()
            return Look([one for one in ids if one >= among.low])
        choose = self._chosen_one_by_one if part.columns else self._chosen_at_once
        look = Look([])
        for most in LOOKS:
            look = choose(part, among, most, where, limit)
            if look.upto is None:
                break
        return look

    def rows(self, query: Select[Any], ids: list[str]) -> Iterator[Row[Any]]:
        """The rows of these ids, in their order; one that is gone by now is left out."""
        for place in range(0, len(ids), ROWS):
            some = ids[place : place + ROWS]
            known = {row.id: row for row in self._connection.execute(query.where(self._table.c.id.in_(some)))}
            yield from (known[one] for one in some if one in known)

    def _chosen_at_once(self, part: Part, among: Span, most: int, where: Conditions, limit: int) -> Look:
        entries = self._entries(part, among, most, *TOLD).subquery()
        good = select(entries.c.id).where(*where(entries.c)).order_by(entries.c.id.desc()).limit(limit)
        ids = list(self._connection.execute(good).scalars())
        if len(ids) == limit:
            return Look(ids)
        count, last = self._connection.execute(select(func.count(), func.min(entries.c.id))).one()
        return Look(ids, last if count == most else None)

    def _chosen_one_by_one(self, part: Part, among: Span, most: int, where: Conditions, limit: int) -> Look:
        """Only rows between the two ids are read: those of what is seldom lie far apart."""
        ids = list(self._connection.execute(self._entries(part, among, most, "id")).scalars())
        within = [one for one in ids if one >= among.low]
        good = [row.id for row in self.rows(select(self._table.c.id).where(*where(self._table.c)), within)]
        return Look(good[:limit], within[-1] if len(within) == most and len(good) < limit else None)

    def _entries(self, part: Part, among: Span, most: int, *names: str) -> Select[Any]:
        """Entries of an index, the newest first.

        The last column before the ids is a range, not a value: so no other index has the order that is asked for, and no
        statistics can lead a planner to one. The older end is left out, where a scan of PostgreSQL's would not know to stop.
        """
        ids = self._table.c.id
        query = select(*(self._table.c[name] for name in names if name in self._table.c)).limit(most)
        if not part.columns:
            return query.where(ids < among.high, ids >= among.low).order_by(ids.desc())
        *fixed, last = part.columns
        *values, value = part.values
        before = tuple_(last, ids) < tuple_(value, among.high, types=[last.type, ids.type])
        query = query.where(*(column == one for column, one in zip(fixed, values, strict=True)))
        return query.where(before, last >= value, *part.implied).order_by(last.desc(), ids.desc())


def page_of_look(look: Look, entries: list[Kept], asked: Window) -> Page[Kept]:
    """The page, and its cursor where more was found, or where not everything was looked at."""
    if len(look.ids) > asked.limit:
        return Page(entries=entries[: asked.limit], next_cursor=cursor_of(look.ids[asked.limit - 1]))
    return Page(entries=entries, next_cursor=None if look.upto is None else cursor_of(look.upto))


def conditions(asked: Window, **values: Any) -> Conditions | None:
    """The times of the window, and these values, as conditions; None where there are none."""
    told = {name: value for name, value in values.items() if value is not None}
    if not told and asked.since is None and asked.until is None:
        return None

    def where(columns: Any) -> list[ColumnElement[bool]]:
        found = [columns[name] == value for name, value in told.items()]
        if asked.since is not None:
            found.append(columns["at"] >= asked.since)
        if asked.until is not None:
            found.append(columns["at"] < asked.until)
        return found

    return where
