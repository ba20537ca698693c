"""The table `shadows`: how far each shadow of each rollout has come in what others were asked."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Integer, Row, String, Table, func, insert, select, update

from assay.domain.releases.rollout import Rollout
from assay.domain.releases.shadow import Shadow
from assay.store.database import Database, metadata
from assay.store.paging import first_id
from assay.store.releases.rollouts import rollout_of, rollouts

shadows = Table(
    "shadows", metadata,
    Column("rollout", String(32), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("model", String(64), nullable=False),
    Column("upto", String(32), nullable=False),
    Column("asked", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),
    Column("reasons", String, nullable=False),  # JSON
    Column("at", BigInteger, nullable=False),
)  # fmt: skip


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """One shadow of one rollout: `ended` is when another decision followed, None while this one rules."""

    rollout: Rollout
    shadow: Shadow
    ended: int | None = None

    @property
    def end(self) -> str | None:
        """The id before which all its questions are; None while more may come."""
        return None if self.ended is None else first_id(self.ended)

    @property
    def over(self) -> bool:
        """Whether nothing is left to be asked."""
        return self.end is not None and self.shadow.upto >= self.end


class Shadows:
    """The collection. A mark moves in the transaction that keeps what was answered up to it, or both stay as they were."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def courses(self, model: str, experiment: str | None = None) -> list[Course]:
        """Every shadow that there was, the oldest rollout first, or only those of one experiment."""
        with self._database.reading() as connection:
            return _courses(connection, model, experiment)

    def open(self, model: str) -> list[Course]:
        """Those that have something left to be asked, or may have."""
        return [one for one in self.courses(model) if not one.over]

    def course(self, rollout: Rollout, version: int) -> Course:
        """One shadow of this rollout as it is now."""
        known = self.courses(rollout.model, rollout.experiment)
        return next(one for one in known if (one.rollout.id, one.shadow.version) == (rollout.id, version))

    def now(self) -> int:
        """The time of the day in microseconds, by the clock that all hosts share."""
        with self._database.reading() as connection:
            return self._database.now(connection)

    def models(self) -> list[str]:
        """The models that have, or once had, a shadow."""
        query = select(rollouts.c.model).where(rollouts.c.shadows != "[]").distinct().order_by(rollouts.c.model)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())


def move(connection: Connection, before: Shadow, after: Shadow) -> bool:
    """Moves a mark within the caller's transaction; False where somebody else has moved it, and nothing may be kept then."""
    values = msgspec.structs.asdict(after) | {"reasons": msgspec.json.encode(after.reasons).decode()}
    mine = (shadows.c.rollout == before.rollout, shadows.c.version == before.version)
    known = connection.execute(select(shadows.c.upto).where(*mine)).scalar()
    if known is None:
        connection.execute(insert(shadows).values(values))
        return True
    return connection.execute(update(shadows).where(*mine, shadows.c.upto == before.upto).values(values)).rowcount == 1


def _courses(connection: Connection, model: str, experiment: str | None) -> list[Course]:
    ours = select(rollouts).where(rollouts.c.model == model, rollouts.c.shadows != "[]").order_by(rollouts.c.sequence)
    query = ours if experiment is None else ours.where(rollouts.c.experiment == experiment)
    found = [rollout_of(row) for row in connection.execute(query)]
    marked = shadows.c.rollout.in_([one.id for one in found])
    known = {(row.rollout, row.version): _shadow_of(row) for row in connection.execute(select(shadows).where(marked))}
    made = []
    for rollout in found:
        later = select(func.min(rollouts.c.sequence)).where(
            rollouts.c.model == model, rollouts.c.sequence > rollout.sequence
        )
        ended = connection.execute(select(rollouts.c.at).where(rollouts.c.sequence == later.scalar_subquery())).scalar()
        for version in rollout.shadows:
            begun = Shadow(rollout=rollout.id, version=version, model=model, upto=first_id(rollout.at))
            shadow = known.get((rollout.id, version), begun)
            made.append(Course(rollout=rollout, shadow=shadow, ended=ended))
    return made


def _shadow_of(row: Row[Any]) -> Shadow:
    return Shadow(**(dict(row._mapping) | {"reasons": msgspec.json.decode(row.reasons, type=dict[str, int])}))
