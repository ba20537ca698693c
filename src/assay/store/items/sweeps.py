"""The table `sweeps`: how far each version is with the items of a collection, and why it rests where it does."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    Row,
    String,
    Table,
    UniqueConstraint,
    case,
    insert,
    select,
    update,
)  # fmt: skip

from assay.clock import new_id, now_us
from assay.domain.items.score import Sweep
from assay.store.database import Database, Id, metadata

sweeps = Table(
    "sweeps", metadata,
    Column("id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("collection", String(64), nullable=False),
    Column("model", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("decision", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("pending", Integer, nullable=False),
    Column("finished_at", BigInteger),
    Column("scored", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("took_us", BigInteger, nullable=False),
    Column("spent_us", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("retry_at", BigInteger, nullable=False),
    Column("code", String(64), nullable=False),
    Column("error", String, nullable=False),
    UniqueConstraint("collection", "model", "version", "run"),
)  # fmt: skip

FIRST_REST_US = 5_000_000
LONGEST_REST_US = 120_000_000
LONGEST_ERROR = 1_024
AWAKE: dict[str, Any] = {"attempts": 0, "retry_at": 0, "code": "", "error": ""}


class Work(NamedTuple):
    """What is to be done: the items of a collection by one version of a model, in one run."""

    collection: str
    model: str
    version: int
    run: int = 0


class Sweeps:
    """The collection."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, work: Work) -> Sweep | None:
        """How far it is; None where it was never begun."""
        with self._database.reading() as connection:
            row = connection.execute(select(sweeps).where(*_mine(work))).first()
        return sweep_of(row) if row else None

    def newest(self, collection: str, model: str, version: int) -> Sweep | None:
        """The newest run of a version; None before its first."""
        mine = _mine(Work(collection, model, version))[:3]
        query = select(sweeps).where(*mine).order_by(sweeps.c.run.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return sweep_of(row) if row else None

    def begin(self, work: Work, *, decision: int, seen: int, wanted: int, pending: int) -> Sweep:
        """Counts anew what is to be done, of items up to the sequence `seen`."""
        counted: dict[str, Any] = {
            "decision": decision, "seen": seen, "wanted": wanted, "pending": pending, "finished_at": None,
        }  # fmt: skip
        with self._database.writing() as connection:
            known = update(sweeps).where(*_mine(work)).values(counted).returning(sweeps)
            row = connection.execute(known).first()
            if row is not None:
                return sweep_of(row)
            made = Sweep(id=new_id(), at=now_us(), **work._asdict(), **counted)
            connection.execute(insert(sweeps).values(msgspec.structs.asdict(made)))
            return made

    def finish(self, id: str, *, seen: int) -> None:
        """None is left of the items up to this sequence but those that fail."""
        over = {"finished_at": now_us(), "seen": seen, "pending": 0}
        with self._database.writing() as connection:
            connection.execute(update(sweeps).where(sweeps.c.id == id).values(over))

    def rest(self, work: Work, code: str, error: str) -> Sweep:
        """The version cannot be asked now; each time it rests twice as long, up to two minutes."""
        with self._database.writing() as connection:
            row = connection.execute(select(sweeps).where(*_mine(work))).first()
            if row is None:
                begun = Sweep(id=new_id(), at=now_us(), **work._asdict())
                connection.execute(insert(sweeps).values(msgspec.structs.asdict(begun)))
            attempts = 1 + (0 if row is None else int(row.attempts))
            until = self._database.now(connection) + min(FIRST_REST_US << min(attempts - 1, 20), LONGEST_REST_US)
            told = {"attempts": attempts, "retry_at": until, "code": code, "error": error[:LONGEST_ERROR]}
            changed = update(sweeps).where(*_mine(work)).values(told).returning(sweeps)
            return sweep_of(connection.execute(changed).one())

    def wake(self, model: str) -> None:
        """Nothing of the model rests any longer: somebody wants it tried now."""
        with self._database.writing() as connection:
            resting = (sweeps.c.model == model, sweeps.c.retry_at > 0)
            connection.execute(update(sweeps).where(*resting).values(retry_at=0))

    def now(self) -> int:
        """The time of the day in microseconds, by the clock that all hosts share."""
        with self._database.reading() as connection:
            return self._database.now(connection)


def count(connection: Connection, id: str, *, scored: int, failed: int, settled: int, **spent: int) -> None:
    """Adds to the counters within the caller's transaction; `settled` items are no longer pending."""
    pending = case((sweeps.c.pending > settled, sweeps.c.pending - settled), else_=0)
    values: dict[str, Any] = {
        "scored": sweeps.c.scored + scored,
        "failed": sweeps.c.failed + failed,
        "pending": pending,
    }
    values |= {name: sweeps.c[name] + value for name, value in spent.items()}
    awake = AWAKE if scored else {}
    connection.execute(update(sweeps).where(sweeps.c.id == id).values(values | awake))


def sweep_of(row: Row[Any]) -> Sweep:
    """The noun of a row."""
    return Sweep(**row._mapping)


def _mine(work: Work) -> list[Any]:
    return [sweeps.c[name] == value for name, value in work._asdict().items()]
