"""A lane does batch after batch until nothing is left, and whatever goes wrong it ends each job or gives it back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from assay.errors import StoreUnavailable
from assay.jobs import lane
from assay.jobs.holding import Holding
from assay.jobs.lane import BatchLane, Do, Means
from assay.store.database import Database
from assay.store.work.claiming import Batch, Claiming, Ended
from assay.store.work.jobs import Jobs
from tests.asked import STONE, answer, answers, queued

LONG_S = 30.0


@pytest.fixture
def claiming(database: Database) -> Claiming:
    return Claiming(database)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "AGAIN_S", 0.02)


@contextmanager
def working(claiming: Claiming, do: Do, lease_s: float = 60) -> Iterator[BatchLane]:
    """A lane that was woken once."""
    means = Means("me", claiming, Holding(claiming, lease_s), lease_s)
    made = BatchLane(means, STONE, do)
    made.start()
    made.woken.set()
    try:
        yield made
    finally:
        means.stopping = True
        made.woken.set()
        made.join(LONG_S)
        assert not made.is_alive()


def whole(batch: Batch) -> Iterator[Sequence[Ended]]:
    yield answers(batch)


def until(holds: Callable[[], Any]) -> None:
    waited = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < waited, "it never came true"
        time.sleep(0.02)


def states(database: Database, ids: Sequence[str]) -> list[str]:
    return [Jobs(database).find(id).state for id in ids]


def test_everything_that_waits_is_done_in_growing_batches(database: Database, claiming: Claiming) -> None:
    ids, sizes = queued(database, 100), []

    def do(batch: Batch) -> Iterator[Sequence[Ended]]:
        sizes.append(len(batch.jobs))
        yield answers(batch)

    with working(claiming, do):
        until(lambda: states(database, ids) == ["succeeded"] * 100)
    assert sizes[0] == 1
    assert sizes == sorted(sizes[:-1]) + sizes[-1:]
    assert len(sizes) < 10


def test_parts_of_a_batch_are_ended_as_they_are_known(database: Database, claiming: Claiming) -> None:
    claiming_done, go_on = threading.Event(), threading.Event()
    ids = queued(database, 9)

    def do(batch: Batch) -> Iterator[Sequence[Ended]]:
        first, *rest = batch.jobs
        yield [answer(first.id)]
        if rest:
            claiming_done.set()
            assert go_on.wait(LONG_S)
            yield [answer(job.id) for job in rest]

    with working(claiming, do):
        assert claiming_done.wait(LONG_S)
        assert states(database, ids[:3]) == ["succeeded", "succeeded", "running"]
        go_on.set()
        until(lambda: set(states(database, ids)) == {"succeeded"})


def test_what_is_not_done_by_an_unknown_fault_fails(database: Database, claiming: Claiming) -> None:
    ids = queued(database, 2)

    def do(batch: Batch) -> Iterator[Sequence[Ended]]:
        raise ZeroDivisionError("no such number")
        yield []

    with working(claiming, do):
        until(lambda: states(database, ids) == ["failed", "failed"])
    assert (Jobs(database).find(ids[0]).code, Jobs(database).find(ids[0]).error) == (
        "internal", "ZeroDivisionError: no such number",
    )  # fmt: skip


def test_a_store_that_is_away_while_they_are_done_costs_them_nothing(database: Database, claiming: Claiming) -> None:
    (id,) = queued(database)
    tried: list[None] = []

    def do(batch: Batch) -> Iterator[Sequence[Ended]]:
        tried.append(None)
        if len(tried) < 3:
            raise StoreUnavailable("not now")
        yield answers(batch)

    with working(claiming, do) as made:
        while states(database, [id]) != ["succeeded"]:
            made.woken.set()
            time.sleep(0.02)
    assert (len(tried), Jobs(database).find(id).attempts) == (3, 1)


def test_an_end_is_kept_once_the_store_is_back(
    database: Database, claiming: Claiming, away: Callable[[], AbstractContextManager[None]]
) -> None:
    (id,) = queued(database)
    gone, known = threading.Event(), threading.Event()

    def do(batch: Batch) -> Iterator[Sequence[Ended]]:
        known.set()
        assert gone.wait(LONG_S)
        yield answers(batch)

    with working(claiming, do):
        assert known.wait(LONG_S)
        with away():
            gone.set()
            time.sleep(0.3)
        until(lambda: states(database, [id]) == ["succeeded"])


def test_a_lane_that_lost_its_batch_changes_nothing(database: Database, claiming: Claiming) -> None:
    (id,) = queued(database)
    taken = threading.Event()

    def do(batch: Batch) -> Iterator[Sequence[Ended]]:
        time.sleep(0.1)  # beyond the lease
        other = claiming.claim("another", STONE, 1, 60)
        assert other is not None
        claiming.finish(other, [answer(id, result='"theirs"')])
        taken.set()
        yield [answer(id, result='"ours"')]

    with working(claiming, do, lease_s=0.05):
        assert taken.wait(LONG_S)
        time.sleep(0.2)
    assert Jobs(database).find(id).result == "theirs"
