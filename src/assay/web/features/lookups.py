"""How an application's own routes look entities up: those that are asked for at once are looked up in one query."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog

from assay.domain.features.entity import Entity
from assay.domain.features.table import Features
from assay.domain.question.contract import Contract
from assay.errors import ApplicationInvalid, AssayError, EntityNotFound, EntityOutdated
from assay.serving.batch import Awaited, Lane
from assay.web.process import Process

log = structlog.get_logger("assay")


class Lookup(Awaited):
    """An entity that somebody waits for; None where there is none."""

    __slots__ = ("entity", "wanted")

    def __init__(self, features: str, key: str) -> None:
        super().__init__(rows=1)
        self.wanted = (features, key)
        self.entity: Entity | None = None


class Lookups:
    """The lane of one process in which entities of all tables are looked up; it begins with the first."""

    def __init__(self, process: Process) -> None:
        self.store = process.assay.features
        self._most = process.settings.max_waiting_rows
        self._lane: Lane[Lookup] | None = None

    async def find(self, features: str, key: str) -> Entity:
        """What is known now; raises EntityNotFound, StoreUnavailable or Overloaded."""
        if self._lane is None:
            self._lane = Lane("features", self._look, self._most)
        asked = Lookup(features, key)
        self._lane.submit(asked)
        await asked.future
        if asked.entity is None:
            raise EntityNotFound(features, key)
        return asked.entity

    def _look(self, asked: Sequence[Lookup]) -> None:
        try:
            found = self.store.look([one.wanted for one in asked])
        except AssayError as failed:
            for one in asked:
                one.error = failed
            return
        for one in asked:
            one.entity = found.get(one.wanted)


class ServedFeatures:
    """One served table, as `Features.find` and `.as_of` reach it."""

    def __init__(self, lookups: Lookups, table: Features) -> None:
        self._lookups = lookups
        self._table = table

    async def find(self, key: str) -> Entity:
        """What is known of an entity now."""
        return await self._lookups.find(self._table.name, self._table.key_of(key))

    async def as_of(self, key: str, at: int) -> Entity:
        """What was known of it at a time."""
        wanted = self._table.key_of(key)
        return await asyncio.to_thread(self._lookups.store.as_of, self._table.name, wanted, at)


def tables_of(process: Process) -> dict[str, Features]:
    """The tables by name; none where the application's module cannot be imported, which versions answer without."""
    try:
        return process.assay.application.features()
    except ApplicationInvalid as failed:
        log.warning("features_not_served", reason=str(failed))
        return {}


def question_about(entity: Entity, contract: Contract) -> Any:
    """What a version is asked about an entity; raises EntityOutdated where what is kept does not fit its contract."""
    values = entity.values
    asked = {name: values[name] for name in contract.fields if name in values}
    try:
        return msgspec.convert(asked, contract.question)
    except msgspec.ValidationError as wrong:
        raise EntityOutdated(entity.features, entity.key, str(wrong).lower()) from None
