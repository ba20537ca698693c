"""Keyset paging over time-ordered ids: a page costs the same however far back it lies."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec
from sqlalchemy import Select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from assay.errors import BadCursor

MAX_LIMIT = 1_000
# An entry's time may be a little later than that of its id, or earlier by as long as it took to come about.
EARLIER_US = 1_000_000
LATER_US = 60_000_000
LAST_ID = "g"  # comes after every id


class Identified(Protocol):
    """Anything that has a time-ordered id."""

    @property
    def id(self) -> str: ...


Kept = TypeVar("Kept", bound=Identified)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a list is asked for: at most `limit` entries, before the cursor, between two times in microseconds."""

    limit: int = 100
    cursor: str | None = None
    since: int | None = None
    until: int | None = None


class Page(msgspec.Struct, Generic[Kept], frozen=True, kw_only=True):
    """Some entries, the newest first, and the cursor of the next page (None where there is none)."""

    entries: list[Kept]
    next_cursor: str | None = None


class Span(NamedTuple):
    """A range of ids, from `low` on and before `high`."""

    low: str
    high: str


def first_id(at: int) -> str:
    """The id before which all ids of earlier milliseconds come, for a time in microseconds."""
    return f"{max(0, at) // 1000:012x}" + "0" * 20


def span(asked: Window) -> Span:
    """The ids among which all entries of the window are; raises BadCursor."""
    low = "" if asked.since is None else first_id(asked.since - EARLIER_US)
    high = LAST_ID if asked.until is None else first_id(asked.until + LATER_US)
    return Span(low, high if asked.cursor is None else min(high, read_cursor(asked.cursor)))


def window(query: Select[Any], columns: ReadOnlyColumnCollection[str, Any], asked: Window) -> Select[Any]:
    """The query, narrowed to the window, with one row more than the limit so that a next page is noticed."""
    if asked.cursor is not None:
        query = query.where(columns["id"] < read_cursor(asked.cursor))
    if asked.since is not None:
        query = query.where(columns["at"] >= asked.since)
    if asked.until is not None:
        query = query.where(columns["at"] < asked.until)
    return query.order_by(columns["id"].desc()).limit(asked.limit + 1)


def page_of(entries: list[Kept], asked: Window) -> Page[Kept]:
    """The page, and its cursor if one more row was found."""
    if len(entries) <= asked.limit:
        return Page(entries=entries)
    kept = entries[: asked.limit]
    return Page(entries=kept, next_cursor=cursor_of(kept[-1].id))


def cursor_of(entry: str) -> str:
    """The cursor of the page that begins after the entry with this id; raises BadCursor."""
    try:
        return base64.urlsafe_b64encode(bytes.fromhex(entry)).rstrip(b"=").decode()
    except ValueError:
        raise BadCursor from None


def read_cursor(cursor: str) -> str:
    """The id before which the page begins; raises BadCursor."""
    try:
        found = base64.b64decode(cursor.encode("ascii") + b"==", altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise BadCursor from None
    if len(found) != 16 or len(cursor) != 22:
        raise BadCursor
    return found.hex()
