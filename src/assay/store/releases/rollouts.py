"""The table `rollouts`: who answers for a model from now on; append-only, the newest row rules."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Integer, Row, String, Table, func, insert, select

from assay.domain.releases.rollout import Arm, Rollout
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
    Column("experiment", String(64)),
    Column("mode", String(8), nullable=False),
    Column("arms", String, nullable=False),  # JSON
    Column("shadows", String, nullable=False),  # JSON
)  # fmt: skip

_JSON: dict[str, Any] = {"arms": tuple[Arm, ...], "shadows": tuple[int, ...]}


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


def decide(database: Database, connection: Connection, rollout: Rollout, instead_of: str | None = None) -> Rollout:
    """Decides now, by the clock that all hosts share, however long it was prepared; wakes whoever listens on any host."""
    database.tell(connection)
    return append(connection, msgspec.structs.replace(rollout, at=database.now(connection)), instead_of)


def append(connection: Connection, rollout: Rollout, instead_of: str | None = None) -> Rollout:
    """Decides within the caller's transaction, and writes down who did; `previous` is who ruled until now.

    `instead_of` is the id of the decision that must still rule; raises PromotionOvertaken where another does. The reason
    says so where an experiment ends by it.
    """
    before = ruling(connection, rollout.model)
    if instead_of is not None and (before is None or before.id != instead_of):
        raise PromotionOvertaken(rollout.model, rollout.version)
    ended = before.experiment if before is not None and before.experiment != rollout.experiment else None
    said = "; ".join(filter(None, (rollout.reason, f"ends the experiment {ended}" if ended else "")))
    decided = msgspec.structs.replace(rollout, previous=before.version if before else None, reason=said)
    values = msgspec.structs.asdict(decided)
    values |= {name: msgspec.json.encode(values[name]).decode() for name in _JSON}
    del values["sequence"]
    sequence = connection.execute(insert(rollouts).values(values).returning(rollouts.c.sequence)).scalar_one()
    stays = before is not None and before.version == decided.version  # what changes is who else is asked
    note(
        connection, "experiment" if decided.experiment or (ended and stays) else "promote", decided.model, by=decided.by,
        reason=said, before=before and _told(before), after=_told(decided),
    )  # fmt: skip
    return msgspec.structs.replace(decided, sequence=sequence)


def _told(rollout: Rollout) -> Any:
    """A decision as the audit has it: the version, and during an experiment who else is asked."""
    if rollout.experiment is None:
        return rollout.version
    told = {"version": rollout.version, "experiment": rollout.experiment, "mode": rollout.mode}
    return told | {"arms": rollout.arms, "shadows": rollout.shadows}


def ruling(connection: Connection, model: str) -> Rollout | None:
    """The decision that rules, within the caller's transaction."""
    query = select(rollouts).where(rollouts.c.model == model).order_by(rollouts.c.sequence.desc()).limit(1)
    row = connection.execute(query).first()
    return rollout_of(row) if row else None


def rollout_of(row: Row[Any]) -> Rollout:
    """The noun of a row."""
    kept = dict(row._mapping)
    kept |= {name: msgspec.json.decode(kept[name], type=kind) for name, kind in _JSON.items()}
    return Rollout(**kept)
