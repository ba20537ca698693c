"""The table `trials`: every trial of a search, so that a search that was cut off goes on where it stood."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from sqlalchemy import BigInteger, Column, Float, Integer, Row, String, Table, delete, insert, select

from assay.store.database import Database, metadata

Outcome = Literal["complete", "pruned", "failed"]

trials = Table(
    "trials", metadata,
    Column("study", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("value", Float(53)),
    Column("parameters", String, nullable=False),  # JSON
    Column("distributions", String, nullable=False),  # JSON
    Column("steps", String, nullable=False),  # JSON
    Column("took_ms", BigInteger, nullable=False),
)  # fmt: skip

_JSON: dict[str, Any] = {"parameters": dict[str, Any], "distributions": dict[str, str], "steps": dict[int, float]}


class KeptTrial(msgspec.Struct, frozen=True, kw_only=True):
    """One trial that is over. `value` is the model's metric on all rows of the search, None unless it is complete.

    `distributions` are Optuna's own JSON by parameter; `steps` the metric by the number of rows learnt from before.
    """

    number: int
    state: Outcome
    parameters: dict[str, Any]
    distributions: dict[str, str]
    value: float | None = None
    steps: dict[int, float] = {}
    took_ms: int = 0


class Trials:
    """The collection; a trial is kept in a transaction of its own, and kept again it replaces itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, study: str) -> list[KeptTrial]:
        """Every trial of the study, by number; there may be gaps, where the search was cut off."""
        query = select(trials).where(trials.c.study == study).order_by(trials.c.number)
        with self._database.reading() as connection:
            return [trial_of(row) for row in connection.execute(query)]

    def keep(self, study: str, trial: KeptTrial) -> None:
        """Keeps a trial that is over; raises StoreUnavailable."""
        values = msgspec.structs.asdict(trial)
        values |= {name: msgspec.json.encode(values[name]).decode() for name in _JSON}
        same = delete(trials).where(trials.c.study == study, trials.c.number == trial.number)
        with self._database.writing() as connection:
            connection.execute(same)
            connection.execute(insert(trials).values(values | {"study": study}))

    def study(self, study: str) -> Study:
        """The memory of one search."""
        return Study(self, study)


class Study:
    """What one search knows already, and where it keeps what it learns."""

    def __init__(self, trials: Trials, name: str) -> None:
        self.name = name
        self._trials = trials

    def known(self) -> list[KeptTrial]:
        """Its trials so far."""
        return self._trials.of(self.name)

    def keep(self, trial: KeptTrial) -> None:
        """One trial more."""
        self._trials.keep(self.name, trial)


def trial_of(row: Row[Any]) -> KeptTrial:
    """The noun of a row."""
    kept = {name: value for name, value in row._mapping.items() if name != "study"}
    kept |= {name: msgspec.json.decode(kept[name], type=kind) for name, kind in _JSON.items()}
    return KeptTrial(**kept)
