"""A task: questions that are accepted now and answered in the background, by a job of the verb `predict`."""

from __future__ import annotations

import msgspec

from assay.domain.job import ENDED, JobState
from assay.domain.prediction import Prediction

PREDICT = "predict"
NOTIFY = "notify"
TOGETHER = (PREDICT, NOTIFY)  # the verbs of which many small jobs are done together
HEAD_CHARACTERS = 4_096
_QUESTIONS = ',"questions":'


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of a task: the questions as they were sent, and all that decides who answers them and who is told.

    `version` is the one that is to answer, None for the one that rules when it is done; `exchange` is where it was asked.
    `webhook` is told of its end. The questions come last, so that the rest can be read without them.
    """

    version: int | None = None
    exchange: str | None = None
    subject: str | None = None
    webhook: str | None = None
    questions: msgspec.Raw


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """An order without its questions, as far as anybody is told of it."""

    version: int | None = None
    exchange: str | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task as an application sees it; `predictions` are the answers in the order of the questions, once it succeeded.

    `at` is when it was accepted, in microseconds. Of one that failed, `code` names the error and `error` is the sentence.
    """

    id: str
    at: int
    model: str
    state: JobState = "queued"
    questions: int = 0
    version: int | None = None
    predictions: tuple[Prediction, ...] = ()
    code: str = ""
    error: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED


def head_of(arguments: str) -> Head:
    """The head of an order, whole or cut after its first characters."""
    head, found, _ = arguments.partition(_QUESTIONS)
    return msgspec.json.decode(f"{head}}}" if found else arguments, type=Head)
