"""The whole record as a stream: every prediction once, the oldest first, with its exchange and what came true."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from assay.clock import new_ids, now_us
from assay.store.database import Database
from assay.store.record import streaming
from assay.store.record.outcomes import outcomes
from assay.store.record.recorder import Entry, Recorder
from assay.store.record.streaming import FIELDS, Chunk, Streaming
from tests import rows


@pytest.fixture
def ids(database: Database) -> list[str]:
    """Twenty predictions of two models: some without an exchange, one with two outcomes."""
    made = new_ids(20)
    exchange = rows.exchange_values(path="/ask", status=200, took_us=77)
    at = now_us() - 1_000_000
    values = [
        rows.prediction_values(
            id=one,
            at=at + place,
            model="boat" if place % 5 == 0 else "stone",
            exchange=exchange[0] if place % 2 else None,
        )
        for place, one in enumerate(made)
    ]
    recorder = Recorder(database)
    recorder.record([Entry(exchange, values)])
    recorder.close()
    told = [(new_ids(1)[0], value) for value in (1.5, 2.5)]
    with database.writing() as connection:
        for one, value in told:
            connection.execute(
                insert(outcomes).values(
                    id=one, at=at, prediction=made[3], model="stone", version=1, value=value, observed_at=at + 9
                )
            )
    return made


def column(chunks: list[Chunk], name: str) -> list[object]:
    return [value for chunk in chunks for value in chunk.columns[name]]


@pytest.mark.parametrize("size", [1, 3, 10, 20, 100])
def test_every_prediction_comes_once_in_order(
    database: Database, ids: list[str], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "CHUNK", size)
    stream = Streaming(database)
    among = stream.among(None, None)._replace(high="g")  # made within this millisecond
    chunks = list(stream.chunks(among))
    assert column(chunks, "id") == ids
    assert stream.count(among) == sum(chunk.looked for chunk in chunks) == 20
    assert all(chunk.height <= size for chunk in chunks)
    assert all(tuple(chunk.columns) == FIELDS for chunk in chunks)
    some = list(stream.chunks(among, model="boat"))
    assert column(some, "id") == ids[::5]
    assert sum(chunk.looked for chunk in some) == 20


def test_each_has_its_exchange_and_its_newest_outcome(database: Database, ids: list[str]) -> None:
    stream = Streaming(database)
    chunks = list(stream.chunks(stream.among(None, None)._replace(high="g")))
    assert column(chunks, "exchange_path")[:3] == [None, "/ask", None]
    assert column(chunks, "exchange_status")[:2] == [None, 200]
    assert column(chunks, "exchange_took_us")[:2] == [None, 77]
    assert column(chunks, "outcome")[2:5] == [None, 2.5, None]
    assert column(chunks, "outcome_at")[3] is not None


def test_what_was_made_between_two_times_comes(database: Database, ids: list[str]) -> None:
    stream = Streaming(database)
    (first, *_) = list(stream.chunks(stream.among(None, None)._replace(high="g")))
    since, until = first.columns["at"][4], first.columns["at"][9]
    among = stream.among(since, until)._replace(high="g")
    assert column(list(stream.chunks(among, since=since, until=until)), "id") == ids[4:9]


def test_what_is_recorded_after_the_start_does_not_come(database: Database, ids: list[str]) -> None:
    stream = Streaming(database)
    among = stream.among(None, None)
    later = f"{(now_us() + 60_000_000) // 1000:012x}" + "0" * 20
    recorder = Recorder(database)
    recorder.record([Entry(None, [rows.prediction_values(id=later)])])
    recorder.close()
    assert later not in column(list(stream.chunks(among)), "id")
    assert among.high < later


def test_an_empty_record_is_one_empty_chunk(database: Database) -> None:
    stream = Streaming(database)
    (only,) = stream.chunks(stream.among(None, None))
    assert (only.height, only.looked) == (0, 0)
