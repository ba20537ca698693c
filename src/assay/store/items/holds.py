"""The table `holds`: kept files that a snapshot's rows name, so that they stay when the item that had them is deleted."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from sqlalchemy import BigInteger, Column, Connection, String, Table, insert, select

from assay.clock import now_us
from assay.store.database import metadata

holds = Table(
    "holds", metadata,
    Column("file", String(64), primary_key=True),
    Column("holder", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False),
)  # fmt: skip
AT_ONCE = 500


def add(connection: Connection, holder: str, files: Iterable[str]) -> None:
    """The snapshot of this id needs these files, within the transaction that registers it; said again it is the same."""
    known = set(connection.execute(select(holds.c.file).where(holds.c.holder == holder)).scalars())
    at, wanted = now_us(), iter(sorted(set(files) - known))
    while some := list(islice(wanted, AT_ONCE)):
        connection.execute(insert(holds), [{"file": file, "holder": holder, "at": at} for file in some])


def held(connection: Connection, holder: str) -> list[str]:
    """The files that a snapshot needs, sorted."""
    query = select(holds.c.file).where(holds.c.holder == holder)
    return list(connection.execute(query.order_by(holds.c.file)).scalars())
