"""What is too old is deleted, all of it and nothing else, whoever is at work and however each ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Table, func, insert, select

from assay.clock import now_us
from assay.domain.job import Job
from assay.domain.outcome import Outcome
from assay.store.database import Database
from assay.store.databases import open_database
from assay.store.paging import Window
from assay.store.record import retention
from assay.store.record.exchanges import exchanges
from assay.store.record.outcomes import Outcomes, outcomes
from assay.store.record.predictions import predictions
from assay.store.record.recorder import Entry, Recorder
from assay.store.record.retention import DAY_US, Retention
from assay.store.work.jobs import Jobs
from tests import rows

OLD, YOUNG = 1_200, 300
KEEP_US = 3 * DAY_US
CHILD = """
import sys
from pathlib import Path
from assay.store.databases import open_database
from assay.store.record.retention import Retention
where, keep_us = sys.argv[1], int(sys.argv[2])
work = Retention(open_database(where if "://" in where else Path(where)), keep_us)
work.begin()
while work.chunk():
    print("deleted", flush=True)
    sys.stdin.readline()
"""


def id_at(at: int, number: int) -> str:
    return f"{at // 1000:012x}7{number:019x}"


def record(database: Database, count: int, at: int, **more: str) -> None:
    """So many exchanges, each with a prediction, a millisecond apart from this time on."""
    recorder = Recorder(database)
    moments = [at + 1_000 * number for number in range(count)]
    told = [{key: f"{value} {number}" for key, value in more.items()} for number in range(count)]
    recorder.record([
        Entry(
            rows.exchange_values(id=id_at(moment, number), at=moment, **told[number]),
            [rows.prediction_values(id=id_at(moment, number), at=moment, exchange=id_at(moment, number))],
        )
        for number, moment in enumerate(moments)
    ])  # fmt: skip
    recorder.close()


@pytest.fixture
def aged(database: Database) -> Database:
    """Many old rows, and some young ones."""
    record(database, OLD, now_us() - KEEP_US - DAY_US)
    record(database, YOUNG, now_us() - DAY_US // 2)
    return database


def count(database: Database, table: Table) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def left(database: Database) -> tuple[int, int]:
    return count(database, exchanges), count(database, predictions)


def finish(work: Retention) -> dict[str, int]:
    """How many rows of each table one worker deletes."""
    gone = {"exchanges": 0, "predictions": 0}
    while deleted := work.chunk():
        gone[deleted.table] += deleted.rows
    return gone


def test_everything_old_goes_and_nothing_young(aged: Database) -> None:
    work = Retention(aged, KEEP_US)
    work.begin()
    assert finish(work) == {"exchanges": OLD, "predictions": OLD}
    assert left(aged) == (YOUNG, YOUNG)
    work.begin()
    assert finish(work) == {"exchanges": 0, "predictions": 0}


def test_what_was_told_long_ago_goes_too(aged: Database) -> None:
    told = [msgspec.structs.asdict(outcome(at)) for at in (now_us() - KEEP_US - DAY_US, now_us() - DAY_US // 2)]
    with aged.writing() as connection:
        connection.execute(insert(outcomes), told)
    work = Retention(aged, KEEP_US)
    work.begin()
    while work.chunk():
        pass
    assert [one.id for one in Outcomes(aged).page(Window()).entries] == [told[1]["id"]]


def outcome(at: int) -> Outcome:
    return Outcome(id=id_at(at, 0), at=at, prediction="p", model="stone", version=1, value=1.0, observed_at=at)


def test_the_oldest_go_first_and_chunks_grow_while_they_are_quick(aged: Database) -> None:
    work = Retention(aged, KEEP_US)
    work.begin()
    first = work.chunk()
    assert first is not None
    assert first.rows == retention.SMALLEST
    with aged.reading() as connection:
        oldest = connection.execute(select(func.min(predictions.c.at))).scalar_one()
        assert connection.execute(select(func.min(exchanges.c.at))).scalar_one() == oldest - 1_000 * first.rows
    finish(work)


def test_what_may_be_asked_again_stays_for_a_day(database: Database) -> None:
    record(database, 10, now_us() - DAY_US // 2, idempotency_key="POST /x")
    record(database, 10, now_us() - 2 * DAY_US, idempotency_key="POST /y")
    record(database, 10, now_us() - DAY_US // 4)
    work = Retention(database, 3_600_000_000)
    work.begin()
    assert finish(work) == {"exchanges": 20, "predictions": 30}
    assert left(database) == (10, 0)


def test_whoever_sees_that_another_is_at_work_leaves_it_to_that(aged: Database) -> None:
    one, other = Retention(aged, KEEP_US), Retention(aged, KEEP_US)
    for work in (one, other):
        work.begin()
    for work in (one, one, other, other):
        assert work.chunk() is not None
    assert one.chunk() is None
    gone = finish(other)
    assert left(aged) == (YOUNG, YOUNG)
    assert gone["predictions"] < OLD


def test_many_at_work_delete_each_row_once(aged: Database) -> None:
    gone: list[dict[str, int]] = []

    def work() -> None:
        mine = Retention(aged, KEEP_US)
        for _ in range(20):
            mine.begin()
            gone.append(finish(mine))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left(aged) == (YOUNG, YOUNG)
    assert sum(one["predictions"] for one in gone) == sum(one["exchanges"] for one in gone) == OLD


def test_whoever_records_meanwhile_loses_nothing(aged: Database) -> None:
    over = threading.Event()
    kept: list[int] = []

    def serve() -> None:
        recorder = Recorder(aged)
        while not over.is_set():
            entry = Entry(rows.exchange_values(), [rows.prediction_values()])
            recorder.record([entry])
            assert entry.error is None
            kept.append(1)
        recorder.close()

    server = threading.Thread(target=serve)
    server.start()
    work = Retention(aged, KEEP_US)
    work.begin()
    finish(work)
    over.set()
    server.join()
    assert kept
    assert left(aged) == (YOUNG + len(kept), YOUNG + len(kept))


def test_one_that_is_killed_in_between_leaves_the_rest_to_the_next(aged: Database, where: Path | str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(where), str(KEEP_US)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    for _ in range(3):
        assert child.stdout.readline() == "deleted\n"
        child.stdin.write("\n")
        child.stdin.flush()
    child.send_signal(signal.SIGKILL)
    child.communicate()
    asked, answered = left(aged)
    assert min(asked, answered) > YOUNG
    assert max(asked, answered) < YOUNG + OLD
    again = open_database(where)
    work = Retention(again, KEEP_US)
    work.begin()
    assert finish(work) == {"exchanges": asked - YOUNG, "predictions": answered - YOUNG}
    assert left(again) == (YOUNG, YOUNG)
    again.close()


def test_tasks_that_have_ended_go_with_the_record_and_no_other_job_does(database: Database) -> None:
    old, young = now_us() - KEEP_US - DAY_US, now_us()
    made = {}
    for number, (verb, state, at) in enumerate(
        (verb, state, at)
        for verb in ("predict", "notify", "train")
        for state in ("queued", "running", "succeeded", "failed", "canceled")
        for at in (old, young)
    ):
        job = Job(id=id_at(at, number), at=at, verb=verb, model="stone", state=state)  # type: ignore[arg-type]  # one of them
        made[job.id] = (verb, state, at)
        Jobs(database).add(job)
    work = Retention(database, KEEP_US)
    work.begin()
    while work.chunk():
        pass
    gone = {
        told
        for id, told in made.items()
        if id not in {job.id for job in Jobs(database).page(Window(limit=100)).entries}
    }
    ended = ("succeeded", "failed", "canceled")
    assert gone == {(verb, state, old) for verb in ("predict", "notify") for state in ended}
