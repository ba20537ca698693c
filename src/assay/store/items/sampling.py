"""The sets of the newest live items, in full: what a version says of kept inputs on the whole."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from assay.domain.items.score import Score
from assay.store.database import Database
from assay.store.items.items import items
from assay.store.items.scores import score_of, scores

CHUNK = 200


class Sampling:
    """Reading of two tables together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def items(self, collections: Sequence[str], limit: int) -> list[str]:
        """The ids of the newest live items."""
        live = items.c.ended_at.is_(None)
        query = select(items.c.id).where(items.c.collection.in_(collections), live).order_by(items.c.id.desc())
        with self._database.reading() as connection:
            return list(connection.execute(query.limit(limit)).scalars())

    def sets(self, model: str, version: int, of: Sequence[str]) -> list[Score]:
        """The newest set of a version for each of these items, where it has one."""
        found = []
        mine = (scores.c.model == model, scores.c.version == version)
        with self._database.reading() as connection:
            for place in range(0, len(of), CHUNK):
                some = (scores.c.item.in_(of[place : place + CHUNK]), *mine)
                newest = select(func.max(scores.c.id)).where(*some).group_by(scores.c.item)
                found += [score_of(row) for row in connection.execute(select(scores).where(scores.c.id.in_(newest)))]
        return found
