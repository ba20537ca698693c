"""Questions of an application's own routes: who asks, and what becomes of the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assay.clock import new_ids, now_us, ticks_us
from assay.domain.prediction import Part
from assay.domain.releases.subject import subject_of
from assay.serving.batch import Awaited
from assay.serving.draw import Picked
from assay.serving.explain import explain
from assay.serving.loaded import LoadedVersion
from assay.serving.served import Answered
from assay.web.predictions import subject_of_body
from assay.web.process import asked_in


class PlainAsk(Awaited):
    """Questions whose answers go back to the caller; the caller has them recorded."""

    __slots__ = ("answered", "began", "experiment", "questions", "version")

    def __init__(self, questions: list[Any], picked: Picked) -> None:
        super().__init__(rows=len(questions))
        self.began = ticks_us()
        self.questions = questions
        self.version, self.experiment = picked

    def settle(self, answered: Answered) -> None:
        """Keeps the answer for the caller."""
        self.answered = answered


def named(subject: str | None) -> str | None:
    """Who asks: that which is told, else the one that the client of this exchange names; raises BadSubject."""
    if subject is not None:
        return subject_of(subject)
    conversation = asked_in.get()
    return conversation.subject() if conversation is not None else None


def asker(subject: str | None, question: bytes) -> Callable[[], str]:
    """The same for `Served.pick`, and the question itself where nobody says it; raises BadSubject."""
    who = named(subject)
    return lambda: who or subject_of_body(question)


def explained(version: LoadedVersion, question: Any) -> tuple[Answered, float, float, tuple[Part, ...]]:
    """An answer to one question: for the record, as a number, and with its base and parts."""
    at, began = now_us(), ticks_us()
    value, base, parts = explain(version, question)
    return Answered(version, [value], new_ids(1), "", at, ticks_us() - began), value, base, parts
