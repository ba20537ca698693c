"""The newest answers of each arm, those beside a shadow's, and who failed, are found by their indexes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assay.clock import new_id, new_ids, now_us
from assay.store.database import Database
from assay.store.paging import LAST_ID, Span
from assay.store.record.arms import Arms, Failed
from assay.store.record.recorder import Entry, Recorder
from tests import rows

ALL = Span("", LAST_ID)


@pytest.fixture
def recorder(database: Database) -> Iterator[Recorder]:
    made = Recorder(database)
    yield made
    made.close()


def record(recorder: Recorder, **told: object) -> str:
    made = rows.prediction_values(**({"id": new_id()} | told))
    recorder.record([entry := Entry(None, [made])])
    assert entry.error is None
    return str(made[0])


def test_the_newest_answers_of_an_arm_come_first(database: Database, recorder: Recorder) -> None:
    ids = [record(recorder, version=5, experiment="checkout", value=float(place)) for place in range(5)]
    record(recorder, version=4, experiment="checkout")
    record(recorder, version=5, role="shadow")
    found = Arms(database).answers("stone", 5, "answer", ALL, 3)
    assert [one.id for one in found] == ids[:1:-1]
    assert [(one.value, one.experiment) for one in found] == [(4.0, "checkout"), (3.0, "checkout"), (2.0, "checkout")]
    assert [one.id for one in Arms(database).answers("stone", 5, "answer", Span(ids[1], ids[3]), 9)] == ids[2:0:-1]


def test_what_a_version_answered_in_some_exchanges_is_found_by_their_ids(
    database: Database, recorder: Recorder
) -> None:
    one, other = new_ids(2)
    wanted = record(recorder, version=1, exchange=one, position=1)
    record(recorder, version=2, exchange=one, position=0)
    record(recorder, version=1, exchange=one, position=0, role="shadow")
    record(recorder, version=1, exchange=other)
    found = Arms(database).given("stone", 1, [one, one])
    assert {place: answer.id for place, answer in found.items()} == {(one, 1): wanted}
    assert Arms(database).given("stone", 1, []) == {}


def test_who_failed_stands_in_the_refusals(database: Database, recorder: Recorder) -> None:
    bodies = [
        (500, b'{"code":"model_error","model":"stone","version":5,"experiment":"checkout"}'), (504, b'{"version":1}'),
        (500, b"teapot"), (404, b'{"version":9}'), (500, None),
    ]  # fmt: skip
    entries = [Entry(rows.exchange_values(id=new_id(), status=status, response=body), []) for status, body in bodies]
    recorder.record(entries)
    assert [entry.error for entry in entries] == [None] * 5
    found = Arms(database).failed((500, 504), 0)
    assert sorted(found, key=repr) == sorted(
        [Failed("stone", 5, "checkout"), Failed(None, 1, None), Failed(), Failed()], key=repr
    )
    assert Arms(database).failed((500, 504), now_us() + 1_000_000) == []
    assert Arms(database).failed((500, 504), 0, 1) == []
