"""Queries: batches in their order, answers page by page, and nothing that is not in the record."""

from __future__ import annotations

from contextlib import closing

import pytest

from assay.clock import new_ids
from assay.domain.given.query import Query
from assay.errors import QueryClosed, QueryNotFound
from assay.store.database import Database
from assay.store.queries import Queries
from assay.store.record.recorder import Entry, Recorder
from tests import rows


@pytest.fixture
def queries(database: Database) -> Queries:
    return Queries(database)


def record(database: Database, ids: list[str], start: float = 0) -> None:
    values = [rows.prediction_values(id=one, value=start + place) for place, one in enumerate(ids)]
    with closing(Recorder(database)) as recorder:
        recorder.record([Entry(None, values)])


def batch(queries: Queries, database: Database, query: Query, count: int, start: float) -> int:
    ids = new_ids(count)
    number = queries.append(query.id, ids)
    record(database, ids, start)
    return number


def test_answers_are_read_in_the_order_of_the_questions_whatever_the_page(queries: Queries, database: Database) -> None:
    query = queries.open("stone", 3)
    assert [batch(queries, database, query, count, start) for count, start in ((3, 0), (1, 3), (4, 4))] == [0, 1, 2]
    for size in (1, 2, 3, 5, 8, 100):
        pages = [queries.answers(query.id, offset, size) for offset in range(0, 8, size)]
        assert [one.prediction for answers, _ in pages for one in answers] == [float(n) for n in range(8)]
        assert {total for _, total in pages} == {8}
    assert queries.answers(query.id, 8, 5) == ([], 8)


def test_a_batch_that_was_never_recorded_was_never_asked(queries: Queries, database: Database) -> None:
    query = queries.open("stone", 3)
    queries.append(query.id, new_ids(2))
    assert queries.answers(query.id, 0, 10) == ([], 0)
    assert batch(queries, database, query, 1, 7) == 1
    (answers, total) = queries.answers(query.id, 0, 10)
    assert ([one.prediction for one in answers], total) == ([7.0], 1)


def test_a_query_that_is_closed_takes_no_more(queries: Queries) -> None:
    query = queries.open("stone", 3)
    assert queries.find(query.id) == query
    closed = queries.close(query.id)
    assert closed.closed_at is not None
    assert queries.close(query.id) == closed
    with pytest.raises(QueryClosed):
        queries.append(query.id, new_ids(1))


def test_a_deleted_query_is_gone_and_its_predictions_are_not(queries: Queries, database: Database) -> None:
    query, other = queries.open("stone", 3), queries.open("stone", 3)
    batch(queries, database, query, 2, 0)
    batch(queries, database, other, 2, 5)
    queries.delete(query.id)
    for ask in (queries.find, queries.close, queries.delete):
        with pytest.raises(QueryNotFound):
            ask(query.id)
    with pytest.raises(QueryNotFound):
        queries.append(query.id, new_ids(1))
    assert queries.answers(other.id, 0, 9)[1] == 2
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM predictions").scalar() == 4
