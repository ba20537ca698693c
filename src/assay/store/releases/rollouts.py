"""The table `rollouts`: who answers for a model from now on; append-only, the newest row rules."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Integer, Row, String, Table, func, insert, select

from assay.domain.releases.rollout import Rollout
from assay.errors import PromotionOvertaken
from assay.store.audit import note
from assay.store.database import Database, metadata

rollouts = Table(
    "rollouts", metadata,
    Column("sequence", Integer, primary_key=True),  # the order of the decisions, whatever the clocks say
    Column("id", String(32), nullable=False, unique=True),
    Column("at", BigInteger, nullable=False),
    Column("model", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("previous", Integer),
    Column("by", String(128), nullable=False),
    Column("reason", String, nullable=False),
)  # fmt: skip


class Rollouts:
    """The collection of decisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> int:
        """The sequence of the newest decision on any model; 0 if there is none. Cheap enough to be polled."""
        with self._database.reading() as connection:
            return int(connection.execute(select(func.max(rollouts.c.sequence))).scalar() or 0)

    def ruling(self, model: str) -> Rollout | None:
        """The decision that rules the model now."""
        with self._database.reading() as connection:
            return ruling(connection, model)

    def at(self, model: str, at: int) -> Rollout | None:
        """The decision that ruled the model at a time in microseconds; None before the first."""
        query = select(rollouts).where(rollouts.c.model == model, rollouts.c.at <= at)
        with self._database.reading() as connection:
            row = connection.execute(query.order_by(rollouts.c.sequence.desc()).limit(1)).first()
        return rollout_of(row) if row else None

    def history(self, model: str) -> list[Rollout]:
        """Every decision on the model, the newest first."""
        query = select(rollouts).where(rollouts.c.model == model).order_by(rollouts.c.sequence.desc())
        with self._database.reading() as connection:
            return [rollout_of(row) for row in connection.execute(query)]

    def append(self, rollout: Rollout) -> Rollout:
        """Decides; `previous` is filled in from the row that ruled until now."""
        with self._database.writing() as connection:
            self._database.tell(connection)
            return append(connection, rollout)


def append(connection: Connection, rollout: Rollout, instead_of: str | None = None) -> Rollout:
    """Decides within the caller's transaction, and writes down who did; `previous` is who ruled until now.

    `instead_of` is the id of the decision that must still rule; raises PromotionOvertaken where another does.
    """
    before = ruling(connection, rollout.model)
    if instead_of is not None and (before is None or before.id != instead_of):
        raise PromotionOvertaken(rollout.model, rollout.version)
    decided = msgspec.structs.replace(rollout, previous=before.version if before else None)
    connection.execute(insert(rollouts).values(msgspec.structs.asdict(decided)))
    note(
        connection, "promote", rollout.model, by=rollout.by, reason=rollout.reason,
        before=decided.previous, after=decided.version,
    )  # fmt: skip
    return decided


def ruling(connection: Connection, model: str) -> Rollout | None:
    """The decision that rules, within the caller's transaction."""
    query = select(rollouts).where(rollouts.c.model == model).order_by(rollouts.c.sequence.desc()).limit(1)
    row = connection.execute(query).first()
    return rollout_of(row) if row else None


def rollout_of(row: Row[Any]) -> Rollout:
    """The noun of a row."""
    kept = dict(row._mapping)
    del kept["sequence"]
    return Rollout(**kept)
