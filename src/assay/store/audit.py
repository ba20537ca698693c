"""The table `audit`: who changed what, when, from what to what and why; written with the change or not at all."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, String, Table, insert, select

from assay.clock import new_id, now_us
from assay.store.database import Database, metadata
from assay.store.paging import Page, Window, page_of, window

audit = Table(
    "audit", metadata,
    Column("id", String(32), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("by", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(256), nullable=False),
    Column("before", String),  # JSON
    Column("after", String),  # JSON
    Column("reason", String, nullable=False),
)  # fmt: skip


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One change of what is served or kept; `before` and `after` are JSON."""

    id: str
    at: int
    by: str
    action: str
    subject: str
    before: Any = None
    after: Any = None
    reason: str = ""


class Audit:
    """The collection; append-only, and written by `note` within the change's own transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, asked: Window, *, action: str | None = None, subject: str | None = None) -> Page[Action]:
        """The newest first, or only those of one action or on one subject."""
        query = select(audit)
        for column, wanted in ((audit.c.action, action), (audit.c.subject, subject)):
            query = query if wanted is None else query.where(column == wanted)
        with self._database.reading() as connection:
            found = connection.execute(window(query, audit.c, asked))
            return page_of([_action_of(dict(row._mapping)) for row in found], asked)


def note(connection: Connection, action: str, subject: str, *, by: str, reason: str = "", **change: Any) -> None:
    """Writes down a change within its own transaction; `before` and `after` are anything that JSON can say."""
    told = {name: None if value is None else msgspec.json.encode(value).decode() for name, value in change.items()}
    connection.execute(
        insert(audit).values(id=new_id(), at=now_us(), by=by, action=action, subject=subject, reason=reason, **told)
    )


def _action_of(kept: dict[str, Any]) -> Action:
    told = {name: kept[name] and msgspec.json.decode(kept[name]) for name in ("before", "after")}
    return Action(**(kept | told))
