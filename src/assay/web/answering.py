"""How an application's own routes ask: the same lane and the same record as the hot route."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from assay.clock import new_ids, now_us, ticks_us
from assay.domain.prediction import Explanation, Prediction
from assay.serving.explain import explain
from assay.serving.loaded import LoadedVersion
from assay.serving.served import Answered, Ask, Served
from assay.serving.similar import similar
from assay.store.recorder import Entry
from assay.web.process import Process, asked_in


class PlainAsk(Ask):
    """Questions whose answers go back to the caller; the caller has them recorded."""

    __slots__ = ("answered",)

    def settle(self, answered: Answered) -> None:
        """Keeps the answers for the caller."""
        self.answered = answered


class ServedModel:
    """One served model, as `Model.predict`, `.explain` and `.similar` reach it."""

    def __init__(self, process: Process, model: str) -> None:
        self._process = process
        self._model = model

    async def predict(self, question: Any) -> Prediction:
        """One answer by the ruling version."""
        served, version = await self._ruling()
        taken = version.reader.take(msgspec.to_builtins(question))
        ask = PlainAsk([taken], version, asyncio.get_running_loop().create_future())
        await served.lane.submit(ask)
        await self._keep(ask.answered, taken)
        return Prediction(
            id=ask.answered.ids[0], model=self._model, version=version.number, prediction=ask.answered.values[0]
        )

    async def explain(self, question: Any) -> Explanation:
        """One answer by the ruling version with its reasons."""
        _, version = await self._ruling()
        return await self.explain_by(version, version.reader.take(msgspec.to_builtins(question)))

    async def explain_by(self, version: LoadedVersion, question: Any) -> Explanation:
        """One answer by this version with its reasons."""
        at, began = now_us(), ticks_us()
        value, base, parts = await asyncio.to_thread(explain, version, question)
        answered = Answered(version, new_ids(1), [value], at, ticks_us() - began)
        await self._keep(answered, question)
        return Explanation(
            id=answered.ids[0], model=self._model, version=version.number, prediction=value, base=base, parts=parts
        )

    async def similar(self, like: Mapping[str, Any], n: int) -> list[dict[str, Any]]:
        """Training rows of the ruling version."""
        _, version = await self._ruling()
        return similar(version, like, n)

    async def _ruling(self) -> tuple[Served, LoadedVersion]:
        served = await self._process.served(self._model)
        return served, served.version()

    async def _keep(self, answered: Answered, question: Any) -> None:
        conversation = asked_in.get()
        rows = answered.rows([msgspec.json.encode(question).decode()], conversation.id if conversation else None)
        if conversation is not None:
            conversation.predictions += rows  # recorded with the exchange, in its transaction
        else:
            await self._process.keep_entry(Entry(None, rows))
