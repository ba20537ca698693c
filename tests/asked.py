"""Tasks for tests: accepted as the web accepts them, claimed and ended as a predictor does it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from assay.clock import new_id, now_us
from assay.domain.given.task import PREDICT, Order
from assay.domain.job import Job
from assay.store.database import Database, Values
from assay.store.record.recorder import Entry, Recorder
from assay.store.work.claiming import Batch, Claiming, Due, Ended
from assay.store.work.tasks import row_of
from tests import rows, tiny

STONE = Due(PREDICT, "stone")
RESULT = '{"id":"p","model":"stone","version":1,"prediction":2.5}'


def task(questions: Any = tiny.QUESTION, **told: Any) -> tuple[Job, Order]:
    """A task as it is accepted; what the order says is told by its own names."""
    order = {name: told.pop(name) for name in ("version", "exchange", "subject", "webhook") if name in told}
    asked = questions if isinstance(questions, bytes) else json.dumps(questions).encode()
    count = len(questions) if isinstance(questions, list) else 1
    made: dict[str, Any] = {
        "id": new_id(),
        "at": now_us(),
        "verb": PREDICT,
        "model": "stone",
        "by": "a test",
        "total": count,
    }
    return Job(**(made | told)), Order(questions=msgspec.Raw(asked), **order)


def accept(database: Database, *tasks: tuple[Job, Order]) -> list[str]:
    """Queues tasks as the record is written; their ids."""
    recorder = Recorder(database)
    entry = Entry(None, [], [row_of(*one) for one in tasks])
    recorder.record([entry])
    recorder.close()
    assert entry.error is None, entry.error
    return [job.id for job, _ in tasks]


def queued(database: Database, count: int = 1, **told: Any) -> list[str]:
    """So many tasks that are alike."""
    return accept(database, *(task(**told) for _ in range(count)))


def claim(claiming: Claiming, count: int = 100, lease_s: float = 60, due: Due = STONE) -> Batch:
    """A batch; there must be one."""
    found = claiming.claim("me", due, count, lease_s)
    assert found is not None
    return found


def answer(id: str, **told: Any) -> Ended:
    """The end of a task that was answered."""
    made: dict[str, Any] = {"id": id, "told": "succeeded", "result": RESULT, "answers": [prediction(id)]}
    return Ended(**(made | told))


def prediction(exchange: str) -> Values:
    """The row of an answer."""
    return rows.prediction_values(exchange=exchange)


def answers(batch: Batch) -> Sequence[Ended]:
    """The ends of a batch of which all were answered."""
    return [answer(job.id) for job in batch.jobs]
