"""The table `processes`: the web processes that answer now, so that a promotion can wait for each of them."""

from __future__ import annotations

import msgspec
from sqlalchemy import BigInteger, Column, Integer, String, Table, delete, insert, select, update

from assay.store.database import Database, metadata

processes = Table(
    "processes", metadata,
    Column("id", String(32), primary_key=True),
    Column("host", String(128), nullable=False),
    Column("boot", String(64), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)  # fmt: skip

BEAT_US = 2_000_000
SILENT_US = 6_000_000
FORGOTTEN_US = 3_600_000_000


class WebProcess(msgspec.Struct, frozen=True, kw_only=True):
    """One process that answers: on which host, in which run of that host, and when it gave its last sign of life."""

    id: str
    host: str
    boot: str
    pid: int
    started_at: int
    seen_at: int


class Processes:
    """The collection; whoever is silent for six seconds is not waited for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def join(self, process: WebProcess) -> None:
        """Counts from now on, and forgets those that have been silent for an hour."""
        with self._database.writing() as connection:
            now = self._database.now(connection)
            connection.execute(delete(processes).where(processes.c.seen_at < now - FORGOTTEN_US))
            connection.execute(insert(processes).values(msgspec.structs.asdict(process) | {"seen_at": now}))

    def beat(self, process: WebProcess) -> None:
        """A sign of life; a process that had been forgotten counts again."""
        with self._database.writing() as connection:
            seen = self._database.now(connection)
            known = update(processes).where(processes.c.id == process.id).values(seen_at=seen)
            if connection.execute(known).rowcount == 0:
                values = msgspec.structs.asdict(msgspec.structs.replace(process, seen_at=seen))
                connection.execute(insert(processes).values(values))

    def leave(self, process: str) -> None:
        """Counts no longer."""
        with self._database.writing() as connection:
            connection.execute(delete(processes).where(processes.c.id == process))

    def heard_of(self) -> list[WebProcess]:
        """Those that gave a sign of life lately, the oldest first."""
        with self._database.reading() as connection:
            lately = processes.c.seen_at > self._database.now(connection) - SILENT_US
            query = select(processes).where(lately).order_by(processes.c.started_at, processes.c.id)
            return [WebProcess(**row._mapping) for row in connection.execute(query)]
