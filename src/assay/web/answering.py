"""How an application's own routes ask: the same lane and the same record as the hot route."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from assay.domain.features.entity import Entity
from assay.domain.prediction import Explanation, Prediction
from assay.serving.draw import Picked
from assay.serving.loaded import LoadedVersion
from assay.serving.served import Answered
from assay.serving.similar import similar
from assay.store.record.recorder import Entry
from assay.web.asks.own import PlainAsk, asker, explained, named
from assay.web.features.lookups import question_about
from assay.web.process import Process, asked_in


class ServedModel:
    """One served model, as `Model.predict`, `.explain` and `.similar` reach it."""

    def __init__(self, process: Process, model: str) -> None:
        self._process = process
        self._model = model

    async def predict(self, question: Any, *, subject: str | None = None) -> Prediction:
        """One answer by the ruling version, or during an experiment by the arm that the subject falls to."""
        asked = msgspec.to_builtins(question)
        picked = await self.pick(msgspec.json.encode(asked), subject)
        taken = picked.version.reader.take(asked)
        answered = await self._answer(picked, [taken])
        await self.keep(answered, [taken], picked.experiment)
        return Prediction(
            id=answered.ids[0], model=self._model, version=picked.version.number, prediction=answered.values[0]
        )

    async def predict_for(self, entity: Entity, *, subject: str | None = None) -> Prediction:
        """One answer about an entity, asked as it is known, and recorded with it."""
        served = await self._process.served(self._model)
        who = named(subject)
        picked = served.pick(lambda: who or entity.subject)
        taken = question_about(entity, picked.version.contract)
        answered = await self._answer(picked, [taken])
        await self.keep(answered, [taken], picked.experiment, entity.subject)
        return Prediction(
            id=answered.ids[0], model=self._model, version=picked.version.number, prediction=answered.values[0]
        )

    async def pick(self, question: bytes, subject: str | None = None) -> Picked:
        """Who answers this subject: that which is told, else the one that the client names, else the question itself.

        Raises NothingReleased or BadSubject.
        """
        served = await self._process.served(self._model)
        return served.pick(asker(subject, question))

    async def answer_by(self, version: LoadedVersion, questions: list[Any]) -> Answered:
        """The answers to some questions, in their order, by this version; whoever gives them on calls `keep` first."""
        return await self._answer(Picked(version), questions)

    async def explain(self, question: Any, *, subject: str | None = None) -> Explanation:
        """One answer with its reasons, by the version that `predict` would ask."""
        asked = msgspec.to_builtins(question)
        picked = await self.pick(msgspec.json.encode(asked), subject)
        return await self.explain_by(picked, picked.version.reader.take(asked))

    async def explain_by(self, picked: Picked, question: Any) -> Explanation:
        """One answer by this version with its reasons."""
        version, experiment = picked
        answered, value, base, parts = await asyncio.to_thread(explained, version, question)
        await self.keep(answered, [question], experiment)
        return Explanation(
            id=answered.ids[0], model=self._model, version=version.number, prediction=value, base=base, parts=parts
        )

    async def similar(self, like: Mapping[str, Any], n: int) -> list[dict[str, Any]]:
        """Training rows of the ruling version."""
        return similar((await self._process.served(self._model)).version(), like, n)

    async def _answer(self, picked: Picked, questions: list[Any]) -> Answered:
        served = await self._process.served(self._model)
        ask = PlainAsk(questions, picked)
        served.lane.submit(ask)
        await ask.future
        return ask.answered

    async def keep(
        self, answered: Answered, questions: list[Any], experiment: str | None = None, entity: str | None = None
    ) -> None:
        """Has the answers recorded with the exchange in which they were asked, or at once where there is none."""
        conversation = asked_in.get()
        asked = [msgspec.json.encode(question).decode() for question in questions]
        rows = answered.rows(asked, conversation.id if conversation else None, experiment, entity)
        if conversation is not None:
            conversation.predictions += rows  # recorded with the exchange, in its transaction
        else:
            await self._process.keep_entry(Entry(None, rows))
