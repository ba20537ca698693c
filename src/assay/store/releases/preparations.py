"""The tables `preparations` and `acknowledgements`: a version that is about to answer, and who has it ready."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Integer, Row, String, Table, func, insert, select, update

from assay.clock import new_id, now_us
from assay.errors import PromotionInProgress
from assay.store.database import Database, metadata

preparations = Table(
    "preparations", metadata,
    Column("sequence", Integer, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("at", BigInteger, nullable=False),
    Column("model", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("by", String(128), nullable=False),
    Column("reason", String, nullable=False),
    Column("host", String(128), nullable=False),
    Column("boot", String(64), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("versions", String, nullable=False),  # JSON
)  # fmt: skip
acknowledgements = Table(
    "acknowledgements", metadata,
    Column("preparation", String(32), primary_key=True),
    Column("process", String(32), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("error", String, nullable=False),
)  # fmt: skip

State = Literal["preparing", "committed", "aborted"]
Promoter = tuple[str, str, int]  # host, boot and process


class Preparation(msgspec.Struct, frozen=True, kw_only=True):
    """A version that every process is to load before any of them answers with it; `pid` on `host` is who promotes it.

    `versions` are all that are to be loaded, where there are several: the arms of an experiment.
    """

    sequence: int
    id: str
    at: int
    model: str
    version: int
    state: State
    by: str
    reason: str = ""
    host: str = ""
    boot: str = ""
    pid: int = 0
    versions: tuple[int, ...] = ()

    @property
    def wanted(self) -> tuple[int, ...]:
        """Every version that is to be loaded."""
        return self.versions or (self.version,)


Left = Callable[[Preparation], bool]


class Preparations:
    """The collection. Of one model at most one is open: two promotions at once would each undo the other's switch."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def propose(
        self, model: str, version: int, *, by: str, who: Promoter, left: Left, versions: tuple[int, ...] = ()
    ) -> Preparation:
        """Asks every process to load the version, or all of several; raises PromotionInProgress where another one is open.

        `left` says of an open one whether its promoter has left it behind, or must give way: it is then aborted.
        """
        host, boot, pid = who
        found = Preparation(
            sequence=0, id=new_id(), at=now_us(), model=model, version=version, state="preparing", by=by, host=host,
            boot=boot, pid=pid, versions=versions,
        )  # fmt: skip
        values = msgspec.structs.asdict(found) | {"versions": msgspec.json.encode(versions).decode()}
        del values["sequence"]
        query = select(preparations).where(preparations.c.model == model, preparations.c.state == "preparing")
        with self._database.writing() as connection:
            for row in connection.execute(query).all():
                if not left(_preparation_of(row)):
                    raise PromotionInProgress(model, row.version)
                settle(connection, row.id, "aborted", f"overtaken by version {version}")
            made = connection.execute(insert(preparations).values(values).returning(preparations.c.sequence)).scalar()
            self._database.tell(connection)
        return msgspec.structs.replace(found, sequence=int(made or 0))

    def newest(self) -> int:
        """The sequence of the newest one; 0 if there is none. Cheap enough to be polled."""
        with self._database.reading() as connection:
            return int(connection.execute(select(func.max(preparations.c.sequence))).scalar() or 0)

    def open(self) -> list[Preparation]:
        """Those that are being prepared."""
        query = select(preparations).where(preparations.c.state == "preparing").order_by(preparations.c.sequence)
        with self._database.reading() as connection:
            return [_preparation_of(row) for row in connection.execute(query)]

    def acknowledge(self, preparation: str, process: str, error: str = "") -> None:
        """This process has the version ready, or the `error` says why not; said twice, the first counts."""
        known = select(acknowledgements.c.process).where(
            acknowledgements.c.preparation == preparation, acknowledgements.c.process == process
        )
        with self._database.writing() as connection:
            if connection.execute(known).first() is None:
                values = {"preparation": preparation, "process": process, "at": now_us(), "error": error}
                connection.execute(insert(acknowledgements).values(values))

    def acknowledged(self, preparation: str) -> dict[str, str]:
        """Who has answered, each with its error ("" where it has the version ready)."""
        query = select(acknowledgements).where(acknowledgements.c.preparation == preparation)
        with self._database.reading() as connection:
            return {row.process: row.error for row in connection.execute(query)}

    def abort(self, preparation: str, reason: str) -> None:
        """The processes let go of the version."""
        with self._database.writing() as connection:
            settle(connection, preparation, "aborted", reason)


def settle(connection: Connection, preparation: str, state: State, reason: str) -> bool:
    """Ends a preparation within the caller's transaction; False where somebody else has ended it already."""
    open_one = update(preparations).where(preparations.c.id == preparation, preparations.c.state == "preparing")
    return connection.execute(open_one.values(state=state, reason=reason)).rowcount == 1


def _preparation_of(row: Row[Any]) -> Preparation:
    versions = msgspec.json.decode(row.versions, type=tuple[int, ...])
    return Preparation(**(dict(row._mapping) | {"versions": versions}))
