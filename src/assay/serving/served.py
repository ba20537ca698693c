"""A model that is being served: the version that rules now, and the lane in which its questions are answered and recorded."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from assay.clock import new_ids, now_us, ticks_us
from assay.domain.answer import Answer, headline, text_of
from assay.domain.releases.rollout import Rollout
from assay.errors import AssayError, ModelFailed, NothingReleased, StorageFull, StoreUnavailable
from assay.serving.batch import Lane
from assay.serving.draw import Draw, Picked
from assay.serving.loaded import LoadedVersion
from assay.serving.predict import predict
from assay.store.database import Values
from assay.store.record.recorder import Entry, Recorder

FRESH_US = 2_000_000  # who answers must have looked so lately who rules


class Ask(Protocol):
    """Some questions that are answered together, by one version. Kinds of it say what becomes of the answers."""

    rows: int
    began: int  # ticks at which it was asked
    error: AssayError | None
    questions: list[Any]
    version: LoadedVersion
    experiment: str | None  # in which the version was drawn

    def settle(self, answered: Answered) -> Entry | None:
        """Takes the answers, on the lane's thread; what it returns is recorded before `deliver` is called."""

    def deliver(self) -> None:
        """Passes them on, on the event loop."""


class Answered(msgspec.Struct, frozen=True):
    """The answers to one ask: who gave them, finished values, an id each, when they were given and how fast.

    `exchange` is a fresh id for the exchange in which they were asked, where it has none yet.
    """

    version: LoadedVersion
    values: list[Answer]
    ids: list[str]
    exchange: str
    at: int
    took_us: int

    def rows(
        self, questions: Sequence[str], exchange: str | None, experiment: str | None = None, entity: str | None = None
    ) -> list[Values]:
        """The rows of the record, in the order of `predictions.COLUMNS`; `questions` are JSON, `entity` whom they are about."""
        model, number, at, took_us = self.version.model, self.version.number, self.at, self.took_us
        found: list[Values] = [
            (one, at, model, number, "answer", question, text_of(value), headline(value), took_us, exchange, place)
            for place, (one, question, value) in enumerate(zip(self.ids, questions, self.values, strict=True))
        ]
        return found if experiment is None and entity is None else [(*row, experiment, entity) for row in found]


class Served:
    """One model in one process. `ruling` is replaced as a whole; who asks pins it once and is answered by no other.

    `alone` is the same version while it answers everybody; during an experiment it is None, and `draw` says who answers.
    It is None, too, where the version is `elsewhere`: who asks by the express lane asks again after a failure.
    A process may be stopped, or cut off from the store, for any length of time, and nobody tells it. So `confirm` is called
    before answers are given away, and versions that a decision of such a time concerns answer nobody who asked before it.
    """

    def __init__(
        self, model: str, recorder: Recorder, *, max_waiting_rows: int, record_first: bool = True, sticky: bool = True
    ) -> None:
        self.model = model
        self.ruling: LoadedVersion | None = None
        self.alone: LoadedVersion | None = None
        self.draw: Draw | None = None
        self.decision = ""  # the id of the rollout that is followed
        self.looked_at = 0  # by the boot clock, as `ruling` was known to rule
        self.confirm: Callable[[Served], None] = lambda _served: None  # looks who rules, where that was too long ago
        self._before: tuple[Callable[[], LoadedVersion | None], ...] = ()
        self._switched = 0  # ticks, at which those gave way
        self._away = False  # then
        self._recorder = recorder
        self._record_first = record_first
        self._sticky = sticky
        self.lane: Lane[Ask] = Lane(model, self._answer, max_waiting_rows)

    def version(self) -> LoadedVersion:
        """The version that rules now; raises NothingReleased."""
        if self.ruling is None:
            raise NothingReleased(self.model)
        return self.ruling

    def pick(self, subject: Callable[[], str]) -> Picked:
        """The version that answers this subject, who is only asked for during an experiment; raises NothingReleased."""
        alone, draw = self.alone, self.draw
        if alone is None and draw is not None:
            return draw.pick(subject())
        return Picked(self.version())

    def follow(self, rollout: Rollout, versions: Mapping[int, LoadedVersion]) -> None:
        """Who asks from now on is answered as the rollout says; all that it names as answering are loaded."""
        drawn = bool(rollout.arms) and rollout.mode == "split"
        self.switch(versions[rollout.version], Draw(rollout, versions, sticky=self._sticky) if drawn else None)
        self.decision = rollout.id

    def switch(self, version: LoadedVersion, draw: Draw | None = None) -> None:
        """Who asks from now on is answered by this version, or by an arm. Those before end with the last reference to them."""
        if self.ruling is not None:
            held = [self.ruling] if self.draw is None else self.draw.arms.values()
            self._before, self._away = tuple(map(weakref.ref, held)), False
            self._switched = ticks_us()
        # others read these one after the other: whatever they have read, it is one of the two decisions
        self.ruling = version
        if draw is not None:
            self.draw, self.alone = draw, None
        else:
            self.alone, self.draw = None if version.elsewhere else version, None

    def loaded(self, number: int) -> LoadedVersion | None:
        """The version of this number, if it answers here."""
        ruling, draw = self.ruling, self.draw
        if ruling is not None and ruling.number == number:
            return ruling
        return None if draw is None else draw.arms.get(number)

    def looked(self, at: int) -> None:
        """Who rules is known by a look at this microsecond of the boot clock."""
        self._away = self._away or at - self.looked_at > FRESH_US
        self.looked_at = at

    def _answer(self, asks: Sequence[Ask]) -> None:
        groups: dict[int, list[Ask]] = {}
        for ask in asks:
            groups.setdefault(id(ask.version), []).append(ask)
        settled = [kept for group in groups.values() for kept in self._answer_group(group)]
        self._refuse_outdated(asks)
        settled = [(ask, entry) for ask, entry in settled if ask.error is None]
        entries = [entry for _, entry in settled]
        if not self._record_first:
            threading.Thread(target=self._recorder.record, args=(entries,), daemon=True).start()
            return
        if entries:
            self._recorder.record(entries)
        for ask, entry in settled:
            ask.error = entry.error

    def _refuse_outdated(self, asks: Sequence[Ask]) -> None:
        """By now it is known when the answers were given: a pause before this look is seen by it, one after it harmless."""
        try:
            self.confirm(self)
        except (StoreUnavailable, StorageFull) as failed:
            for ask in asks:
                ask.error = failed
            return
        outdated = {id(one()) for one in self._before} if self._away else frozenset()
        for ask in asks if outdated else ():
            if ask.began < self._switched and id(ask.version) in outdated:
                ask.error = StoreUnavailable("It was decided anew who answers while this process was away; ask again.")

    def _answer_group(self, asks: list[Ask]) -> list[tuple[Ask, Entry]]:
        try:
            return _settle(asks)
        except Exception as failed:  # noqa: BLE001 - the lane must outlive any model
            if len(asks) > 1:  # one bad request harms only itself
                return [kept for ask in asks for kept in self._answer_group([ask])]
            error = (
                failed if isinstance(failed, AssayError) else ModelFailed(f"The model failed: {type(failed).__name__}.")
            )
            error.model, error.version, error.experiment = self.model, asks[0].version.number, asks[0].experiment
            asks[0].error = error
            return []


def answer(version: LoadedVersion, parts: list[list[Any]]) -> list[Answered]:
    """The answers to each part's questions, all in one vectorised call."""
    questions = parts[0] if len(parts) == 1 else [question for part in parts for question in part]
    at, began = now_us(), ticks_us()
    values = predict(version, questions)
    took_us = ticks_us() - began
    ids = new_ids(len(questions) + len(parts))
    exchanges = ids[len(questions) :]
    found = []
    done = 0
    for exchange, part in zip(exchanges, parts, strict=True):
        upto = done + len(part)
        found.append(Answered(version, values[done:upto], ids[done:upto], exchange, at, took_us))
        done = upto
    return found


def _settle(asks: list[Ask]) -> list[tuple[Ask, Entry]]:
    answers = answer(asks[0].version, [ask.questions for ask in asks])
    settled = ((ask, ask.settle(part)) for ask, part in zip(asks, answers, strict=True))
    return [(ask, entry) for ask, entry in settled if entry is not None]
