"""How an application's own routes ask: the same lane and the same record as the hot route."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from assay.clock import new_ids, now_us, ticks_us
from assay.domain.prediction import Explanation, Prediction
from assay.serving.batch import Awaited
from assay.serving.explain import explain
from assay.serving.loaded import LoadedVersion
from assay.serving.served import Answered, Served
from assay.serving.similar import similar
from assay.store.record.recorder import Entry
from assay.web.process import Process, asked_in


class PlainAsk(Awaited):
    """Questions whose answers go back to the caller; the caller has them recorded."""

    __slots__ = ("answered", "questions", "version")

    def __init__(self, questions: list[Any], version: LoadedVersion) -> None:
        super().__init__(rows=len(questions))
        self.questions = questions
        self.version = version

    def settle(self, answered: Answered) -> None:
        """Keeps the answer for the caller."""
        self.answered = answered


class ServedModel:
    """One served model, as `Model.predict`, `.explain` and `.similar` reach it."""

    def __init__(self, process: Process, model: str) -> None:
        self._process = process
        self._model = model

    async def predict(self, question: Any) -> Prediction:
        """One answer by the ruling version."""
        _, version = await self._ruling()
        taken = version.reader.take(msgspec.to_builtins(question))
        answered = await self.answer_by(version, [taken])
        await self.keep(answered, [taken])
        return Prediction(id=answered.ids[0], model=self._model, version=version.number, prediction=answered.values[0])

    async def answer_by(self, version: LoadedVersion, questions: list[Any]) -> Answered:
        """The answers to some questions, in their order, by this version; whoever gives them on calls `keep` first."""
        served = await self._process.served(self._model)
        ask = PlainAsk(questions, version)
        served.lane.submit(ask)
        await ask.future
        return ask.answered

    async def explain(self, question: Any) -> Explanation:
        """One answer by the ruling version with its reasons."""
        _, version = await self._ruling()
        return await self.explain_by(version, version.reader.take(msgspec.to_builtins(question)))

    async def explain_by(self, version: LoadedVersion, question: Any) -> Explanation:
        """One answer by this version with its reasons."""
        at, began = now_us(), ticks_us()
        value, base, parts = await asyncio.to_thread(explain, version, question)
        answered = Answered(version, [value], new_ids(1), "", at, ticks_us() - began)
        await self.keep(answered, [question])
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

    async def keep(self, answered: Answered, questions: list[Any]) -> None:
        """Has the answers recorded with the exchange in which they were asked, or at once where there is none."""
        conversation = asked_in.get()
        asked = [msgspec.json.encode(question).decode() for question in questions]
        rows = answered.rows(asked, conversation.id if conversation else None)
        if conversation is not None:
            conversation.predictions += rows  # recorded with the exchange, in its transaction
        else:
            await self._process.keep_entry(Entry(None, rows))
