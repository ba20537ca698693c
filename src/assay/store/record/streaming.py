"""The record as one stream of predictions, the oldest first, with what else is known of each: read in chunks, held nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, text

from assay.store.database import Database
from assay.store.paging import Span, Window, first_id, span
from assay.store.record.exchanges import exchanges
from assay.store.record.outcomes import outcomes
from assay.store.record.predictions import predictions
from assay.store.record.walking import conditions

CHUNK = 20_000
NOTHING = (None, None, None)
OWN = (
    "id", "at", "model", "version", "role", "question", "answer", "value", "took_us", "position", "exchange",
    "experiment", "entity",
)  # fmt: skip
OF_EXCHANGE = ("path", "status", "took_us")
FIELDS = (*OWN, *(f"exchange_{name}" for name in OF_EXCHANGE), "outcome", "outcome_at", "outcome_labels")


class Chunk(NamedTuple):
    """Some predictions by `FIELDS`, and how many were looked at for them."""

    columns: dict[str, list[Any]]
    looked: int

    @property
    def height(self) -> int:
        """How many predictions there are."""
        return len(self.columns["id"])


class Streaming:
    """Reading of the whole record. Each chunk is a short view of its own, so that nobody who writes waits for the end.

    Rows never change, and none is added before the end that was decided at the start.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def among(self, since: int | None, until: int | None) -> Span:
        """The ids of what was recorded between two times, and before now."""
        found = span(Window(since=since, until=until))
        with self._database.reading() as connection:
            return Span(found.low, min(found.high, first_id(self._database.now(connection))))

    def count(self, among: Span) -> int:
        """How many predictions will be looked at."""
        query = select(func.count()).where(predictions.c.id >= among.low, predictions.c.id < among.high)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def chunks(
        self, among: Span, *, model: str | None = None, since: int | None = None, until: int | None = None
    ) -> Iterator[Chunk]:  # fmt: skip
        """The predictions of these ids, of one model and between two times if these are told."""
        times = conditions(Window(since=since, until=until))
        where = [] if times is None else times(predictions.c)
        if model is not None:
            where.append(predictions.c.model + "" == model)  # a sum: the ids' own index is the one to be read
        low = among.low
        while True:
            with self._database.reading() as connection:
                chunk, last = _chunk(connection, Span(low, among.high), where)
            yield chunk
            if last is None:
                return
            low = last + "0"  # comes right after it


def _chunk(connection: Connection, among: Span, where: list[Any]) -> tuple[Chunk, str | None]:
    """The next chunk, and the id of the last prediction that was looked at, where more follow."""
    ids = predictions.c.id
    if connection.dialect.name == "postgresql":  # a plan for all rows at once would be made anew for every chunk
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        connection.execute(text("SET LOCAL enable_hashjoin = off"))
        connection.execute(text("SET LOCAL enable_mergejoin = off"))
    inside = (ids >= among.low, ids < among.high)
    last = connection.execute(select(ids).where(*inside).order_by(ids).offset(CHUNK - 1).limit(1)).scalar()
    upto = inside if last is None else (ids >= among.low, ids <= last)
    looked = CHUNK if last else int(connection.execute(select(func.count()).where(*inside)).scalar_one())
    joined = predictions.outerjoin(exchanges, exchanges.c.id == predictions.c.exchange)
    query = select(*(predictions.c[name] for name in OWN), *(exchanges.c[name] for name in OF_EXCHANGE))
    rows = connection.execute(query.select_from(joined).where(*upto, *where).order_by(ids)).all()
    width = len(OWN) + len(OF_EXCHANGE)
    columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
    known = _outcomes(connection, columns[0])
    told = [known.get(one, NOTHING) for one in columns[0]]
    columns += [list(one) for one in zip(*told, strict=True)] or [[], [], []]
    return Chunk(dict(zip(FIELDS, columns, strict=True)), looked), last


def _outcomes(connection: Connection, ids: list[str]) -> dict[str, tuple[float, int, str | None]]:
    """What is known to have come true of some predictions in a row; of several outcomes the newest counts."""
    if not ids:
        return {}
    about = outcomes.c.prediction
    query = select(about, outcomes.c.value, outcomes.c.observed_at, outcomes.c.labels).where(
        about >= ids[0], about <= ids[-1]
    )
    return {
        one: (value, at, labels) for one, value, at, labels in connection.execute(query.order_by(about, outcomes.c.id))
    }
