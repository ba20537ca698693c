"""A model that is being served: the version that rules now, and the lane in which its questions are answered and recorded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

from assay.clock import new_ids, now_us, ticks_us
from assay.errors import AssayError, ModelFailed, NothingReleased
from assay.serving.batch import Lane
from assay.serving.loaded import LoadedVersion
from assay.serving.predict import predict
from assay.store.recorder import Entry, Recorder, Values


class Ask:
    """Some questions that are answered together, by one version. Kinds of it say what becomes of the answers."""

    __slots__ = ("error", "future", "pinned", "questions", "rows")

    def __init__(self, questions: list[Any], pinned: LoadedVersion | None, future: asyncio.Future[None]) -> None:
        self.questions = questions
        self.rows = len(questions)
        self.pinned = pinned
        self.future = future
        self.error: AssayError | None = None

    def settle(self, answered: Answered) -> Entry | None:
        """Takes the answers, on the lane's thread; what it returns is recorded before anybody is told."""
        raise NotImplementedError


class Answered:
    """The answers to one ask: the version that gave them, their ids, the values in the target's unit, when and how fast."""

    __slots__ = ("at", "ids", "took_us", "values", "version")

    def __init__(self, version: LoadedVersion, ids: Sequence[str], values: Sequence[float], at: int, took_us: int) -> None:
        self.version = version
        self.ids = ids
        self.values = values
        self.at = at
        self.took_us = took_us

    def rows(self, questions: Sequence[str], exchange: str | None) -> list[Values]:
        """The rows of the record, in the order of `predictions.COLUMNS`; `questions` are JSON."""
        model, number, at, took_us = self.version.model, self.version.number, self.at, self.took_us
        return [
            (one, at, model, number, "answer", question, repr(value), value, took_us, exchange, place)
            for place, (one, question, value) in enumerate(zip(self.ids, questions, self.values, strict=True))
        ]


class Served:
    """One model in one process. `ruling` is replaced as a whole, so a batch sees one version and no other."""

    def __init__(self, model: str, recorder: Recorder, *, max_waiting_rows: int, record_first: bool = True) -> None:
        self.model = model
        self.ruling: LoadedVersion | None = None
        self._recorder = recorder
        self._record_first = record_first
        self.lane: Lane[Ask] = Lane(model, self._answer, max_waiting_rows)

    def version(self) -> LoadedVersion:
        """The version that rules now; raises NothingReleased."""
        if self.ruling is None:
            raise NothingReleased(self.model)
        return self.ruling

    def switch(self, version: LoadedVersion) -> None:
        """From the next batch on, this version answers. The one before ends with the last reference to it."""
        self.ruling = version

    def _answer(self, asks: Sequence[Ask]) -> None:
        ruling = self.ruling
        groups: dict[int, tuple[LoadedVersion, list[Ask]]] = {}
        for ask in asks:
            version = ask.pinned or ruling
            if version is None:
                ask.error = NothingReleased(self.model)
            else:
                groups.setdefault(id(version), (version, []))[1].append(ask)
        entries: list[tuple[Ask, Entry]] = []
        for version, group in groups.values():
            entries += self._answer_group(version, group)
        if not entries:
            return
        if not self._record_first:
            threading.Thread(target=self._recorder.record, args=([entry for _, entry in entries],), daemon=True).start()
            return
        self._recorder.record([entry for _, entry in entries])
        for ask, entry in entries:
            ask.error = entry.error

    def _answer_group(self, version: LoadedVersion, asks: list[Ask]) -> list[tuple[Ask, Entry]]:
        try:
            return _settle(version, asks)
        except Exception as failed:  # noqa: BLE001 - the lane must outlive any model
            if len(asks) > 1:  # one bad request harms only itself
                return [kept for ask in asks for kept in self._answer_group(version, [ask])]
            asks[0].error = failed if isinstance(failed, AssayError) else ModelFailed(f"The model failed: {type(failed).__name__}.")
            return []


def answer(version: LoadedVersion, questions: list[Any]) -> Answered:
    """The answers to some questions in one vectorised call, timed and named."""
    at, began = now_us(), ticks_us()
    values = predict(version, questions)
    return Answered(version, new_ids(len(questions)), values, at, ticks_us() - began)


def _settle(version: LoadedVersion, asks: list[Ask]) -> list[tuple[Ask, Entry]]:
    if len(asks) == 1:
        parts = [answer(version, asks[0].questions)]
    else:
        parts = _shared(answer(version, [question for ask in asks for question in ask.questions]), asks)
    settled = ((ask, ask.settle(part)) for ask, part in zip(asks, parts, strict=True))
    return [(ask, entry) for ask, entry in settled if entry is not None]


def _shared(whole: Answered, asks: list[Ask]) -> list[Answered]:
    parts = []
    done = 0
    for ask in asks:
        upto = done + ask.rows
        parts.append(Answered(whole.version, whole.ids[done:upto], whole.values[done:upto], whole.at, whole.took_us))
        done = upto
    return parts
