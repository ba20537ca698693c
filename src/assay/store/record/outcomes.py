"""The table `outcomes`: the truth about predictions, as it arrives, late or corrected; append-only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Float, Index, Integer, Row, String, Table, func, insert, select

from assay.clock import new_ids, now_us
from assay.domain.outcome import Outcome, Told
from assay.store.database import Database, Id, metadata
from assay.store.paging import Page, Window, page_of, window
from assay.store.record.predictions import predictions

outcomes = Table(
    "outcomes", metadata,
    Column("id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False),  # microseconds since 1970, UTC: when it was told
    Column("prediction", Id, nullable=False),
    Column("model", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("value", Float(53), nullable=False),
    Column("observed_at", BigInteger, nullable=False),
    Column("exchange", Id),
    Index("ix_outcomes_prediction", "prediction", "id"),
    Index("ix_outcomes_model", "model", "id"),
)  # fmt: skip
CHUNK = 500


class Outcomes:
    """The collection. Of several about one prediction the newest counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, told: Sequence[Told], exchange: str | None = None) -> list[Outcome] | list[int]:
        """Keeps all of them, or none where some are about predictions that there are not: their places are returned."""
        with self._database.writing() as connection:
            known = dict(_known(connection, [one.prediction for one in told]))
            missing = [place for place, one in enumerate(told) if one.prediction not in known]
            if missing:
                return missing
            at = now_us()
            made = [
                Outcome(
                    id=id, at=at, prediction=one.prediction, model=known[one.prediction][0],
                    version=known[one.prediction][1], value=one.value, observed_at=one.observed_at, exchange=exchange,
                )
                for id, one in zip(new_ids(len(told)), told, strict=True)
            ]  # fmt: skip
            connection.execute(insert(outcomes), [msgspec.structs.asdict(one) for one in made])
        return made

    def page(self, asked: Window, *, model: str | None = None, prediction: str | None = None) -> Page[Outcome]:
        """The newest first, or only those of one model or about one prediction."""
        query = window(select(outcomes), outcomes.c, asked)
        for column, value in ((outcomes.c.model, model), (outcomes.c.prediction, prediction)):
            query = query if value is None else query.where(column == value)
        with self._database.reading() as connection:
            return page_of([outcome_of(row) for row in connection.execute(query)], asked)

    def of(self, ids: Sequence[str]) -> dict[str, Outcome]:
        """What counts about these predictions, by their ids; those about which nothing was told are left out."""
        found: dict[str, Outcome] = {}
        with self._database.reading() as connection:
            for chunk in _chunks(ids):
                newest = (
                    select(func.max(outcomes.c.id))
                    .where(outcomes.c.prediction.in_(chunk))
                    .group_by(outcomes.c.prediction)
                )
                rows = connection.execute(select(outcomes).where(outcomes.c.id.in_(newest)))
                found |= {row.prediction: outcome_of(row) for row in rows}
        return found


def outcome_of(row: Row[tuple[object, ...]]) -> Outcome:
    """The noun of a row."""
    return Outcome(**row._mapping)


def _known(connection: Connection, ids: Sequence[str]) -> Iterator[tuple[str, tuple[str, int]]]:
    for chunk in _chunks(ids):
        query = select(predictions.c.id, predictions.c.model, predictions.c.version).where(predictions.c.id.in_(chunk))
        for id, model, version in connection.execute(query):
            yield str(id), (str(model), int(version))


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK))
