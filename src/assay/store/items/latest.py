"""What readers of an item are given: the set of each model that stands, found by the item's name in one query."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Row, Select, bindparam, select

from assay.domain.items.item import Item
from assay.domain.items.score import Failure, Score, Standing
from assay.errors import ItemNotFound
from assay.store.database import Database
from assay.store.items.failures import failure_of, failures
from assay.store.items.items import LIVE, item_with, items
from assay.store.items.scores import score_with, scores
from assay.store.items.standings import standing_of, standings

TABLES = (items, standings, scores)


class Given(msgspec.Struct, frozen=True):
    """A set that stands, and by which decision it does."""

    score: Score
    standing: Standing


class Latest(msgspec.Struct, frozen=True, kw_only=True):
    """An item with the sets that stand, one of each model that has any, and what could not be scored."""

    item: Item
    given: list[Given]
    failures: list[Failure]


class Latests:
    """Reading of items with their scores; what is read is of one moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, collection: str, name: str, model: str | None = None) -> Latest:
        """What readers of the name are given now, of one model or of all; raises ItemNotFound."""
        given, failing = _queries(one=model is not None)
        of = {} if model is None else {"of": model}
        with self._database.reading() as connection:
            rows = connection.execute(given, {"within": collection, "named": name, **of}).all()
            if not rows:
                raise ItemNotFound(collection, name)
            item = item_with(_parts(rows[0])[0])
            failed = connection.execute(failing, {"about": item.id, **of}).all()
        return Latest(item=item, given=_given(rows), failures=[failure_of(row) for row in failed])

    def standing(self, items: Sequence[str]) -> dict[str, list[Standing]]:
        """Which sets stand of these items, at most some hundreds, each by model; an item that has none is not there."""
        query = select(standings).where(standings.c.item.in_(items)).order_by(standings.c.model)
        found: dict[str, list[Standing]] = {}
        with self._database.reading() as connection:
            for row in connection.execute(query):
                found.setdefault(row.item, []).append(standing_of(row))
        return found


@cache  # making them costs as much as running them
def _queries(*, one: bool) -> tuple[Select[Any], Select[Any]]:
    """Every column of the three tables, side by side (a name that several have is told by its place), and the failures.

    Of `one` model, or of all; to be run with `within`, `named`, `about` and `of`.
    """
    mine = standings.c.item == items.c.id
    mine = mine & (standings.c.model == bindparam("of")) if one else mine
    of = items.outerjoin(standings, mine).outerjoin(scores, scores.c.id == standings.c.score)
    asked = (items.c.collection == bindparam("within"), items.c.name == bindparam("named"))
    failing = select(failures).where(failures.c.item == bindparam("about")).order_by(failures.c.at.desc())
    failing = failing.where(failures.c.model == bindparam("of")) if one else failing
    return select(*TABLES).select_from(of).where(LIVE, *asked), failing


def _given(rows: Sequence[Row[Any]]) -> list[Given]:
    parts = [_parts(row)[1:] for row in rows]
    found = [Given(score_with(score), Standing(**standing)) for standing, score in parts if score["id"] is not None]
    return sorted(found, key=lambda one: one.score.model)


def _parts(row: Row[Any]) -> list[dict[str, Any]]:
    """What the row says of each table."""
    values = iter(row)
    return [dict(zip(table.columns.keys(), values, strict=False)) for table in TABLES]
