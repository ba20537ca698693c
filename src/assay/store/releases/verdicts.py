"""The table `verdicts`: what was found about a version before, while or after it was given the word."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Index, Integer, Row, String, Table, insert, select

from assay.domain.releases.verdict import Check, Kind, Outcome, Verdict
from assay.store.database import Database, metadata
from assay.store.paging import Page, Window, page_of, window

verdicts = Table(
    "verdicts", metadata,
    Column("id", String(32), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("model", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("against", Integer),
    Column("dataset", String(64)),
    Column("checks", String, nullable=False),  # JSON
    Column("evidence", String, nullable=False),  # JSON
    Column("by", String(128), nullable=False),
    Index("ix_verdicts_model", "model", "version"),
)  # fmt: skip


class Verdicts:
    """The collection; append-only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, verdict: Verdict) -> Verdict:
        """Keeps a verdict in a transaction of its own."""
        with self._database.writing() as connection:
            add(connection, verdict)
        return verdict

    def page(
        self, model: str, *, version: int | None = None, kind: Kind | None = None, outcome: Outcome | None = None,
        limit: int = 100,
    ) -> list[Verdict]:  # fmt: skip
        """The newest verdicts on the model first, or only those on one version, of one kind or of one outcome."""
        query = select(verdicts).where(verdicts.c.model == model).order_by(verdicts.c.id.desc()).limit(limit)
        for column, wanted in ((verdicts.c.version, version), (verdicts.c.kind, kind), (verdicts.c.outcome, outcome)):
            query = query if wanted is None else query.where(column == wanted)
        with self._database.reading() as connection:
            return [verdict_of(row) for row in connection.execute(query)]

    def window(
        self,
        asked: Window,
        model: str,
        *,
        version: int | None = None,
        kind: str | None = None,
        outcome: str | None = None,
    ) -> Page[Verdict]:
        """The same, page by page."""
        query = select(verdicts).where(verdicts.c.model == model)
        for column, wanted in ((verdicts.c.version, version), (verdicts.c.kind, kind), (verdicts.c.outcome, outcome)):
            query = query if wanted is None else query.where(column == wanted)
        with self._database.reading() as connection:
            found = connection.execute(window(query, verdicts.c, asked))
            return page_of([verdict_of(row) for row in found], asked)

    def find(self, verdict: str) -> Verdict | None:
        """One verdict by its id."""
        with self._database.reading() as connection:
            row = connection.execute(select(verdicts).where(verdicts.c.id == verdict)).first()
        return verdict_of(row) if row else None

    def behind(self, model: str, version: int, at: int) -> Verdict | None:
        """The newest verdict of the gate on the version that was there at a time in microseconds."""
        with self._database.reading() as connection:
            return newest(connection, model, version, kind="gate", until=at)

    def once(self, verdict: Verdict, *, since: int) -> bool:
        """Keeps the verdict unless the version has one of its kind since then; whether it was kept."""
        with self._database.writing() as connection:
            known = newest(connection, verdict.model, verdict.version, kind=verdict.kind)
            if known is not None and known.at >= since:
                return False
            add(connection, verdict)
        return True


def newest(connection: Connection, model: str, version: int, *, kind: Kind, until: int | None = None) -> Verdict | None:
    """The newest verdict of a kind on the version, within the caller's transaction."""
    ours = select(verdicts).where(verdicts.c.model == model, verdicts.c.version == version, verdicts.c.kind == kind)
    query = ours if until is None else ours.where(verdicts.c.at <= until)
    row = connection.execute(query.order_by(verdicts.c.id.desc()).limit(1)).first()
    return verdict_of(row) if row else None


def add(connection: Connection, verdict: Verdict) -> None:
    """Keeps a verdict within the caller's transaction."""
    values = msgspec.structs.asdict(verdict)
    values |= {name: msgspec.json.encode(values[name]).decode() for name in ("checks", "evidence")}
    connection.execute(insert(verdicts).values(values))


def verdict_of(row: Row[Any]) -> Verdict:
    """The noun of a row."""
    kept = dict(row._mapping)
    kept["checks"] = msgspec.json.decode(kept["checks"], type=tuple[Check, ...])
    kept["evidence"] = msgspec.json.decode(kept["evidence"])
    return Verdict(**kept)
