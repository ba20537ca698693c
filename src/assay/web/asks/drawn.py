"""A question in the express lane during an experiment: its subject decides which version answers."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from assay.domain.releases.subject import subject_of
from assay.errors import BadSubject
from assay.serving.draw import Picked
from assay.serving.served import Answered
from assay.store.record.recorder import Entry
from assay.web.asks.ordinary import ExpressAsk
from assay.web.predictions import VARIANT, variant_of
from assay.web.requests import SUBJECT, Scope


class DrawnAsk(ExpressAsk):
    """A question that is answered by an arm of an experiment."""

    __slots__ = ("experiment", "subject")

    def __init__(
        self, picked: Picked, questions: list[Any], body: bytes, *, single: bool, answered: Callable[[Any], None]
    ) -> None:
        super().__init__(picked.version, questions, body, single=single, answered=answered)
        self.experiment = picked.experiment
        self.subject: bytes | None = None

    def settle(self, answered: Answered) -> Entry:
        """Builds response and entry; the record names the experiment."""
        entry = super().settle(answered)
        entry.predictions = [(*row, self.experiment, None) for row in entry.predictions]
        return entry

    @property
    def variant(self) -> bytes:
        """The line of the response's head that names the arm."""
        return b"%b: %b\r\n" % (VARIANT, variant_of(self.experiment or "", self.version.number))

    def scope(self) -> Scope:
        """The same question by the same subject."""
        found = super().scope()
        if self.subject is not None:
            found["headers"] = [*found["headers"], (SUBJECT, self.subject)]
        return found


class GoodSubjects(Container[bytes]):
    """Every subject that an experiment takes; the door says what is wrong with others, also while none runs."""

    def __contains__(self, told: object) -> bool:
        try:
            subject_of(told if isinstance(told, bytes) else b"")
        except BadSubject:
            return False
        return True
