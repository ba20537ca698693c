"""The table `processes`: the web processes that answer now, so that a promotion can wait for each of them."""

from __future__ import annotations

import os
import platform
from functools import cache

import msgspec
from sqlalchemy import BigInteger, Column, Integer, String, Table, delete, insert, select, update

from assay.clock import boot_clock
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
PID_SPACE = "/proc/self/ns/pid"  # what a container has of its own, whatever it calls itself


class WebProcess(msgspec.Struct, frozen=True, kw_only=True):
    """One process that answers: on which host, among which processes, and when it gave its last sign of life.

    `host` is a name for people, which several machines may share; `boot` is where `pid` means something.
    """

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

    def heard_of(self, within_us: int = SILENT_US) -> list[WebProcess]:
        """Those that gave a sign of life lately, the oldest first."""
        with self._database.reading() as connection:
            lately = processes.c.seen_at > self._database.now(connection) - within_us
            query = select(processes).where(lately).order_by(processes.c.started_at, processes.c.id)
            return [WebProcess(**row._mapping) for row in connection.execute(query)]


def here() -> tuple[str, str]:
    """This host's name, and the space in which its process ids mean something: one start of one machine, one container."""
    return platform.node(), f"{boot_clock()[0]}/{_pid_space()}"


def exists(pid: int) -> bool:
    """Whether a process of this space is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@cache
def _pid_space() -> int:
    try:
        return os.stat(PID_SPACE).st_ino  # noqa: PTH116 - a link that leads to no file
    except OSError:  # pragma: no cover - macOS has one space for all
        return 0
