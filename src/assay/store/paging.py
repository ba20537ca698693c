"""Keyset paging over time-ordered ids: a page costs the same however far back it lies."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from sqlalchemy import Select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from assay.errors import BadCursor

MAX_LIMIT = 1_000


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
