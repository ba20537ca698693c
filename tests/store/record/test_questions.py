"""Shadows hear each question that was really asked once, in the order of ids, however rare it is in the record."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assay.clock import new_ids
from assay.store.database import Database
from assay.store.record import questions as module
from assay.store.record.predictions import Predictions
from assay.store.record.questions import Questions, keep
from assay.store.record.recorder import Entry, Recorder
from tests import rows

FIRST, LAST = "", "g"


@pytest.fixture
def recorder(database: Database) -> Iterator[Recorder]:
    made = Recorder(database)
    yield made
    made.close()


def record(recorder: Recorder, count: int, **told: object) -> list[str]:
    """Answers with ids in order."""
    ids = new_ids(count)
    made = [rows.prediction_values(**({"id": id, "exchange": id[::-1]} | told)) for id in ids]
    recorder.record([entry := Entry(None, made)])
    assert entry.error is None
    return ids


def heard(database: Database, limit: int, low: str = FIRST, high: str = LAST) -> list[str]:
    """All that is heard, look by look."""
    found: list[str] = []
    while low < high:
        look = Questions(database).between("stone", low, high, limit)
        assert look.upto > low
        found += [one.id for one in look.questions]
        low = look.upto
    return found


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_every_question_is_heard_once_in_its_order(
    database: Database, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(module, "LOOK", 4)
    record(recorder, 3, model="other")
    ids = record(recorder, 5)
    record(recorder, 9, model="other")
    ids += record(recorder, 2)
    assert heard(database, limit) == ids
    assert Questions(database).count("stone", FIRST, LAST) == 7


def test_only_what_somebody_asked_over_http_is_heard(database: Database, recorder: Recorder) -> None:
    ids = record(recorder, 1, version=1) + record(recorder, 1, version=5, experiment="checkout")
    record(recorder, 1, role="shadow")
    record(recorder, 1, exchange=None)
    assert heard(database, 10) == ids


def test_the_bounds_belong_to_nobody(database: Database, recorder: Recorder) -> None:
    ids = record(recorder, 4)
    assert heard(database, 10, ids[0], ids[3]) == ids[1:3]
    assert Questions(database).count("stone", ids[0], ids[3]) == 2


def test_a_question_comes_with_where_it_was_asked(database: Database, recorder: Recorder) -> None:
    (id,) = record(recorder, 1, question='{"carat":2}', position=4)
    (one,) = Questions(database).between("stone", FIRST, LAST, 10).questions
    assert (one.id, one.question, one.exchange, one.position) == (id, '{"carat":2}', id[::-1], 4)


def test_predictions_are_kept_in_a_transaction_of_somebody_elses(database: Database) -> None:
    made = (*rows.prediction_values(role="shadow", version=7, value=None), "checkout")
    with pytest.raises(RuntimeError), database.writing() as connection:
        keep(connection, [made])
        raise RuntimeError
    assert Predictions(database).find(made[0]) is None
    with database.writing() as connection:
        keep(connection, [])
        keep(connection, [made])
    found = Predictions(database).find(made[0])
    assert found is not None
    assert (found.role, found.version, found.experiment, found.value) == ("shadow", 7, "checkout", None)
