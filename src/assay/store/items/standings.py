"""The table `standings`: which set of confidences readers of an item are given, one of each model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Integer, Row, String, Table, delete, insert, select

from assay.domain.items.score import Standing
from assay.store.database import Id, metadata

standings = Table(
    "standings", metadata,
    Column("item", Id, primary_key=True),
    Column("model", String(64), primary_key=True),
    Column("score", Id, nullable=False),
    Column("version", Integer, nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("decision", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
)  # fmt: skip


def stand(connection: Connection, made: Sequence[Standing], *, whatever: bool = False) -> list[Standing]:
    """From now on readers are given these sets of one model, within the caller's transaction; those of which it is so.

    None goes back: to an earlier decision, or within one to an earlier run. `whatever` stands there lets each replace it.
    """
    if not made:
        return []
    model, wanted = made[0].model, {one.item: one for one in made}
    mine = (standings.c.item.in_(wanted), standings.c.model == model)
    known = {row.item: standing_of(row) for row in connection.execute(select(standings).where(*mine))}
    moved = [one for one in wanted.values() if whatever or one.item not in known or one.follows(known[one.item])]
    old = [one.item for one in moved if one.item in known]
    if old:
        connection.execute(delete(standings).where(standings.c.item.in_(old), standings.c.model == model))
    if moved:
        connection.execute(insert(standings), [msgspec.structs.asdict(one) for one in moved])
    return moved


def standing_of(row: Row[Any]) -> Standing:
    """The noun of a row."""
    return Standing(**row._mapping)
