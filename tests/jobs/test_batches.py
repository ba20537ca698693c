"""A predictor finds what there is to do for every model, at once where it is told, and hands back what it cannot end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from assay.domain.given.task import PREDICT
from assay.jobs import batches
from assay.jobs.batches import Batches
from assay.store.database import Database
from assay.store.work.claiming import Batch, Claiming, Ended
from assay.store.work.jobs import Jobs
from tests.asked import answers, queued

LONG_S = 30.0


@contextmanager
def running(database: Database, do: Any = None, *, deaf: bool = False, **told: Any) -> Iterator[Batches]:
    """A predictor in a thread of this process."""
    listen: Any = (lambda _heard: None) if deaf else (lambda heard: database.listen(heard, "queued"))
    made = Batches(Claiming(database), {PREDICT: do or whole}, listen, **told)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join(LONG_S)
        assert not thread.is_alive()


def whole(batch: Batch) -> Iterator[Sequence[Ended]]:
    yield answers(batch)


def until_ended(database: Database, ids: Sequence[str]) -> None:
    waited = time.monotonic() + LONG_S
    while not all(Jobs(database).find(id).ended for id in ids):
        assert time.monotonic() < waited
        time.sleep(0.02)


@pytest.mark.parametrize("deaf", [False, True])
def test_tasks_of_every_model_are_done(database: Database, deaf: bool) -> None:
    with running(database, deaf=deaf):
        ids = [id for model in "abc" for id in queued(database, 5, model=model)]
        until_ended(database, ids)
        more = queued(database, 5, model="d")
        until_ended(database, more)
    assert {Jobs(database).find(id).state for id in ids + more} == {"succeeded"}


def test_a_model_that_hangs_keeps_no_other_from_being_asked(database: Database) -> None:
    free = threading.Event()

    def do(batch: Batch) -> Iterator[Sequence[Ended]]:
        if batch.model == "stuck":
            free.wait(LONG_S)
        yield answers(batch)

    with running(database, do):
        stuck = queued(database, 2, model="stuck")
        until_ended(database, queued(database, 20, model="well"))
        assert not Jobs(database).find(stuck[0]).ended
        free.set()
        until_ended(database, stuck)


def test_what_is_under_way_at_the_end_is_ended_or_handed_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "GRACE_S", 0.5)
    begun, free = threading.Event(), threading.Event()

    def do(batch: Batch) -> Iterator[Sequence[Ended]]:
        begun.set()
        if batch.model == "slow":
            free.wait(LONG_S)
        yield answers(batch)

    with running(database, do):
        (id,) = queued(database, model="slow")
        assert begun.wait(LONG_S)
    found = Jobs(database).find(id)
    assert (found.state, found.attempts, found.token) == ("queued", 0, None)
    free.set()
    time.sleep(0.2)
    assert Jobs(database).find(id).state == "queued", "it was ended by one that had handed it back"


def test_a_verb_that_nobody_does_here_is_left_alone(database: Database) -> None:
    with running(database):
        (id,) = queued(database)
        until_ended(database, [id])
    made = Batches(Claiming(database), {}, lambda _heard: None)
    (other,) = queued(database)
    thread = threading.Thread(target=made.run)
    thread.start()
    time.sleep(0.3)
    made.stop()
    thread.join(LONG_S)
    assert Jobs(database).find(other).state == "queued"
