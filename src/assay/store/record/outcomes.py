"""The table `outcomes`: the truth about predictions, as it arrives, late or corrected; append-only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    Row,
    String,
    Table,
    column,
    func,
    insert,
    select,
    values,
)  # fmt: skip

from assay.clock import new_ids, now_us
from assay.domain.outcome import About, Outcome, Told
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
    Column("labels", String),  # JSON: those that were there; their number is the value
    Index("ix_outcomes_prediction", "prediction", "id"),
    Index("ix_outcomes_model", "model", "id"),
)  # fmt: skip
CHUNK = 500
SomeT = TypeVar("SomeT")


class Kind(NamedTuple):
    """What can be true of an answer: of a number a number, else some of its labels; of a recording with their times."""

    labels: tuple[str, ...] | None = None
    timed: bool = False


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
            connection.execute(insert(outcomes), [_row(one) for one in made])
        return made

    def about(self, asked: Sequence[About]) -> list[str | None]:
        """The prediction that each is about, the last answer that was given until then; None where there is none."""
        found: list[str | None] = []
        with self._database.reading() as connection:
            for chunk in _chunks(asked):
                found += _answers_about(connection, chunk)
        return found

    def kinds(self, ids: Sequence[str]) -> dict[str, Kind]:
        """What can be true of these predictions; those that there are not are left out."""
        with self._database.reading() as connection:
            known = dict(_known(connection, ids))
            some = {version: id for id, version in known.items()}  # all answers of a version are of one kind
            answers = (
                select(predictions.c.id, predictions.c.answer).where(predictions.c.id.in_(chunk))
                for chunk in _chunks(list(some.values()))
            )
            kinds = {known[id]: _kind(answer) for query in answers for id, answer in connection.execute(query)}
        return {id: kinds[version] for id, version in known.items()}

    def page(
        self, asked: Window, *, model: str | None = None, prediction: str | None = None, entity: str | None = None
    ) -> Page[Outcome]:
        """The newest first, or only those of one model, about one prediction, or of answers about one entity."""
        query = window(select(outcomes), outcomes.c, asked)
        if entity is not None:
            query = query.where(
                outcomes.c.prediction.in_(select(predictions.c.id).where(predictions.c.entity == entity))
            )
        for named, value in ((outcomes.c.model, model), (outcomes.c.prediction, prediction)):
            query = query if value is None else query.where(named == value)
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
    kept: dict[str, Any] = dict(row._mapping)
    labels = kept.pop("labels")
    if labels is not None:
        kept["value"] = msgspec.json.decode(labels, type=tuple[str, ...])
    return Outcome(**kept)


def _row(made: Outcome) -> dict[str, Any]:
    labels = msgspec.json.encode(made.value).decode() if isinstance(made.value, tuple) else None
    return msgspec.structs.asdict(made) | {"value": made.number, "labels": labels}


def _kind(answer: str) -> Kind:
    told = msgspec.json.decode(answer)
    if not isinstance(told, dict):
        return Kind()
    return Kind(tuple(told), any(isinstance(one, list) for one in told.values()))


def _answers_about(connection: Connection, asked: Sequence[About]) -> Iterator[str | None]:
    """One query: each entity has few rows in its index, which is read from the newest on."""
    named = (column("place", Integer), column("model", String), column("entity", String), column("until", BigInteger))
    wanted = values(*named).data([(place, *one) for place, one in enumerate(asked)]).cte("wanted")
    newest = (
        select(predictions.c.id)
        .where(
            predictions.c.entity == wanted.c.entity,
            predictions.c.model + "" == wanted.c.model,  # sums keep planners from the index by model and role
            predictions.c.role + "" == "answer",
            predictions.c.at <= wanted.c.until,
        )
        .order_by(predictions.c.id.desc())
        .limit(1)
        .correlate(wanted)
        .scalar_subquery()
    )
    found = dict(tuple(row) for row in connection.execute(select(wanted.c.place, newest)))
    return (found[place] for place in range(len(asked)))


def _known(connection: Connection, ids: Sequence[str]) -> Iterator[tuple[str, tuple[str, int]]]:
    for chunk in _chunks(ids):
        query = select(predictions.c.id, predictions.c.model, predictions.c.version).where(predictions.c.id.in_(chunk))
        for id, model, version in connection.execute(query):
            yield str(id), (str(model), int(version))


def _chunks(all_of: Sequence[SomeT]) -> Iterator[Sequence[SomeT]]:
    return (all_of[at : at + CHUNK] for at in range(0, len(all_of), CHUNK))
