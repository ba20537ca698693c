"""A sweep is counted when it begins, counted down, finished, and rests where its version cannot be asked."""

from __future__ import annotations

from typing import Any

from assay.domain.items.score import Sweep
from assay.store.database import Database
from assay.store.items.sweeps import FIRST_REST_US, LONGEST_REST_US, Sweeps, count
from tests import said

TOLD: dict[str, Any] = {"decision": 3, "seen": 40, "wanted": 30, "pending": 10}


def counted(database: Database, id: str, **told: Any) -> None:
    with database.writing() as connection:
        count(connection, id, **({"scored": 0, "failed": 0, "settled": 0} | told))


def found(database: Database) -> Sweep:
    kept = Sweeps(database).find(said.work())
    assert kept is not None
    return kept


def test_a_sweep_is_begun_once_and_counted_anew_each_time(database: Database) -> None:
    sweeps = Sweeps(database)
    assert sweeps.find(said.work()) is None
    assert sweeps.newest(said.COLLECTION, said.MODEL, 1) is None
    begun = sweeps.begin(said.work(), **TOLD)
    counted(database, begun.id, scored=4, failed=1, settled=5, took_us=70, spent_us=90)
    now = found(database)
    assert (now.scored, now.failed, now.pending, now.took_us, now.spent_us) == (4, 1, 5, 70, 90)
    sweeps.finish(begun.id, seen=44)
    ended = found(database)
    assert (ended.seen, ended.pending, ended.finished_at is not None) == (44, 0, True)
    again = sweeps.begin(said.work(), **(TOLD | {"decision": 4, "pending": 2}))
    assert (again.id, again.at, again.scored) == (begun.id, begun.at, 4)
    assert (again.decision, again.pending, again.finished_at) == (4, 2, None)


def test_what_is_left_is_never_less_than_nothing(database: Database) -> None:
    begun = Sweeps(database).begin(said.work(), **TOLD)
    counted(database, begun.id, scored=99, settled=99)
    assert found(database).pending == 0


def test_the_newest_run_is_found(database: Database) -> None:
    sweeps = Sweeps(database)
    for run in (10, 30, 20):
        sweeps.begin(said.work(1, run), **TOLD)
    newest = sweeps.newest(said.COLLECTION, said.MODEL, 1)
    assert newest is not None
    assert newest.run == 30


def test_a_version_rests_for_longer_each_time_until_it_answers(database: Database) -> None:
    sweeps = Sweeps(database)
    first = sweeps.rest(said.work(), "model_error", "x" * 5000)
    assert (first.attempts, first.code, len(first.error)) == (1, "model_error", 1024)
    assert 0 < first.retry_at - sweeps.now() <= FIRST_REST_US
    last = [sweeps.rest(said.work(), "model_error", "still") for _ in range(20)][-1]
    assert LONGEST_REST_US - 5_000_000 < last.retry_at - sweeps.now() <= LONGEST_REST_US
    counted(database, first.id, failed=3)
    assert found(database).attempts == 21, "that items fail is no answer"
    counted(database, first.id, scored=1)
    assert (found(database).attempts, found(database).retry_at, found(database).code) == (0, 0, "")


def test_whoever_wants_it_now_ends_the_rest(database: Database) -> None:
    sweeps = Sweeps(database)
    sweeps.rest(said.work(), "model_error", "away")
    sweeps.wake("another")
    assert found(database).retry_at > 0
    sweeps.wake(said.MODEL)
    assert (found(database).retry_at, found(database).attempts) == (0, 1)
