"""What the arms of an experiment and its shadows have answered, and on what they failed: the newest, and so many at most."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import select, text

from assay.store.database import Database
from assay.store.paging import LAST_ID, Span, first_id
from assay.store.record.exchanges import exchanges
from assay.store.record.predictions import VERSION, predictions
from assay.store.record.walking import Part, Walk

CHUNK = 500
MOST_FAILED = 5_000


class Answer(msgspec.Struct, frozen=True):
    """An answer in brief, and where it was asked."""

    id: str
    value: float | None
    took_us: int
    exchange: str | None
    position: int
    experiment: str | None


class Failed(msgspec.Struct, frozen=True):
    """What a refusal says about who failed."""

    model: str | None = None
    version: int | None = None
    experiment: str | None = None


class Arms:
    """Reading of the record by experiment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def answers(self, model: str, version: int, role: str, among: Span, limit: int) -> list[Answer]:
        """The newest first."""
        columns = [predictions.c[name] for name in Answer.__struct_fields__]
        with self._database.reading() as connection:
            walk = Walk(connection, predictions)
            ids = walk.newest(Part(VERSION, (model, version, role)), among, limit).ids
            return [Answer(*tuple(row)) for row in walk.rows(select(*columns), ids)]

    def given(self, model: str, version: int, asked_in: Iterable[str]) -> dict[tuple[str, int], Answer]:
        """What a version answered in these exchanges, by exchange and position."""
        wanted = list(dict.fromkeys(asked_in))
        columns = [predictions.c[name] for name in Answer.__struct_fields__]
        # sums keep planners from every index but that of the exchanges, which have few rows each
        mine = (
            predictions.c.role + "" == "answer", predictions.c.model + "" == model, predictions.c.version + 0 == version,
        )  # fmt: skip
        found = {}
        with self._database.reading() as connection:
            for place in range(0, len(wanted), CHUNK):
                some = predictions.c.exchange.in_(wanted[place : place + CHUNK])
                for row in connection.execute(select(*columns).where(some, *mine)):
                    found[row.exchange, row.position] = Answer(*tuple(row))
        return found

    def failed(self, statuses: Iterable[int], since: int, until: int | None = None) -> list[Failed]:
        """Who failed at the newest exchanges with these statuses between two times in microseconds."""
        found = []
        ids = exchanges.c.id
        before = LAST_ID if until is None else first_id(until)
        with self._database.reading() as connection:
            for status in statuses:
                query = select(exchanges.c.response).where(
                    exchanges.c.status == status, ids >= first_id(since), ids < before, text("status >= 400")
                )
                rows = connection.execute(query.order_by(ids.desc()).limit(MOST_FAILED)).scalars()
                found += [_failed(body) for body in rows]
        return found


def _failed(body: bytes | None) -> Failed:
    try:
        return msgspec.json.decode(body or b"{}", type=Failed)
    except msgspec.DecodeError:  # a route of the application's own may say it in any way
        return Failed()
