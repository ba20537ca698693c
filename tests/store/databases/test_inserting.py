"""The record's way into SQLite: a group is kept whole or not at all, and a connection that failed is not used again."""

from __future__ import annotations

import pytest

from assay.clock import new_ids
from assay.errors import StoreUnavailable, Unstorable
from assay.store.database import Values, Writer
from assay.store.databases.inserting import File, SqliteWriter
from assay.store.databases.sqlite import Sqlite
from assay.store.paging import Window
from assay.store.record.exchanges import PLAIN_COLUMNS, Exchanges
from assay.store.record.predictions import Predictions
from tests import rows

PLAIN = len(PLAIN_COLUMNS)


@pytest.fixture
def writer(sqlite: Sqlite) -> Writer:
    return sqlite.writer()


def counts(database: Sqlite) -> tuple[int, int]:
    with database.reading() as connection:
        tables = ("exchanges", "predictions")
        asked, answered = (connection.exec_driver_sql(f"SELECT count(*) FROM {one}").scalar() for one in tables)
    return int(asked or 0), int(answered or 0)


def answered(count: int) -> list[Values]:
    return [rows.prediction_values(id=id, position=place) for place, id in enumerate(new_ids(count))]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 63, 64, 255, 256, 257, 1000])
def test_a_group_of_any_size_is_kept_in_its_order(sqlite: Sqlite, writer: Writer, count: int) -> None:
    group = answered(count)
    writer.write([rows.exchange_values()[:PLAIN]], group)
    assert counts(sqlite) == (1, count)
    found = Predictions(sqlite).page(Window(limit=2000)).entries
    assert [one.id for one in reversed(found)] == [row[0] for row in group]
    assert [one.position for one in reversed(found)] == list(range(count))
    writer.forget()


def test_plain_and_keyed_exchanges_go_together(sqlite: Sqlite, writer: Writer) -> None:
    keyed = rows.exchange_values(idempotency_key="k", response_digest="ab" * 32, replay_of="cd" * 16)
    writer.write([rows.exchange_values()[:PLAIN], keyed], [])
    found = Exchanges(sqlite).by_idempotency_key("k")
    assert counts(sqlite) == (2, 0)
    assert found is not None
    assert (found.id, found.response_digest, found.replay_of) == (keyed[0], "ab" * 32, "cd" * 16)
    writer.forget()


def test_of_a_group_with_a_row_that_is_refused_nothing_is_kept_and_the_next_is(sqlite: Sqlite, writer: Writer) -> None:
    (twice,) = answered(1)
    writer.write([], [twice])
    with pytest.raises(Unstorable, match="UNIQUE"):
        writer.write([rows.exchange_values()], [*answered(70), twice])
    assert counts(sqlite) == (0, 1)
    writer.write([], answered(1))
    assert counts(sqlite) == (0, 2)
    writer.forget()


def test_after_a_failure_readers_begin_anew_too(sqlite: Sqlite) -> None:
    renewed: list[bool] = []
    file = File(sqlite.path, sqlite.turn, lambda: sqlite.connect(checkpointing=True), lambda: renewed.append(True))
    writer = SqliteWriter(file)
    writer.write([], answered(1))
    sqlite.path.with_name(sqlite.path.name + "-wal").unlink()
    with pytest.raises(StoreUnavailable, match="moved or deleted"):
        writer.write([], answered(1))
    assert renewed == [True]


def test_giving_back_what_was_never_taken_does_no_harm(writer: Writer) -> None:
    writer.forget()
    writer.forget()


def test_a_damaged_page_is_the_stores_fault_and_not_the_rows(sqlite: Sqlite) -> None:
    writer = sqlite.writer()
    writer.write([], answered(3000))
    writer.forget()
    sqlite.engine.dispose()  # the last connection leaves all in the one file
    raw = sqlite.connect()
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    data = sqlite.path.read_bytes()
    whole = len(data) // 3
    sqlite.path.write_bytes(data[:whole] + b"\xff" * (len(data) - whole))
    with pytest.raises(StoreUnavailable, match="malformed"):
        writer.write([], answered(1))
    writer.forget()
