"""Tables go out of PostgreSQL and come back value for value, as of one moment, and never in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assay.errors import NotEmpty, StoreUnavailable
from assay.store import schema
from assay.store.copies import pages, postgresql
from assay.store.database import Database
from assay.store.databases import open_database
from assay.store.record.recorder import Entry, Recorder
from assay.store.releases.rollouts import Rollouts
from tests import rows, stores
from tests.postgres import Cluster, tell
from tests.store.copies.conftest import nobody


@pytest.fixture
def url(postgres: Cluster, tmp_path: Path) -> Iterator[str]:
    with stores.kept(postgres, tmp_path) as where:
        yield str(where)


@pytest.fixture
def theirs(url: str) -> Iterator[Database]:
    with closing(open_database(url)) as made:
        yield made


def test_every_value_goes_there_and_back(theirs: Database, postgres: Cluster, tmp_path: Path) -> None:
    values = [0.1 + 0.2, 5e-324, -1.7976931348623157e308, None]
    asked = rows.exchange_values(request=bytes(range(256)), response=None, query="'\"\\\t\n\\N", at=2**53 + 1)
    with closing(Recorder(theirs)) as recorder:
        recorder.record([Entry(asked, [rows.prediction_values(value=value, question="ä☃\\.") for value in values])])
    Rollouts(theirs).append(rows.rollout(1))
    postgresql.copy_tables(theirs, file := tmp_path / "file.db", nobody)
    with pages.reading_file(file) as source:
        assert source.execute("SELECT * FROM exchanges").fetchall() == [asked]
        kept = source.execute("SELECT value FROM predictions ORDER BY id").fetchall()
        assert kept == [(value,) for value in values]
        with closing(open_database(other := postgres.create())) as target:
            with target.writing() as connection:
                schema.migrate(connection)
                postgresql.fill(connection, source, nobody)
            again = tmp_path / "again.db"
            postgresql.copy_tables(target, again, nobody)
            with pages.reading_file(again) as back:
                for table in pages.tables(source):
                    query = f"SELECT * FROM {table} ORDER BY 1"
                    assert back.execute(query).fetchall() == source.execute(query).fetchall()
            assert Rollouts(target).append(rows.rollout(2)).previous == 1
        postgres.drop(other)


def test_a_copy_is_of_one_moment_whoever_writes_meanwhile(theirs: Database, tmp_path: Path) -> None:
    with closing(Recorder(theirs)) as recorder:

        def heard(*_: object) -> None:
            exchange = rows.exchange_values()
            recorder.record([Entry(exchange, [rows.prediction_values(exchange=exchange[0])])])

        heard()
        postgresql.copy_tables(theirs, file := tmp_path / "file.db", heard)
    with pages.reading_file(file) as source:
        counted = pages.counts(source)
    assert (counted["exchanges"], counted["predictions"]) == (1, 1)


def test_a_database_with_rows_is_not_cleared(theirs: Database, url: str) -> None:
    with theirs.writing() as connection:
        assert "exchanges" in postgresql.confirm_empty(connection)
    Rollouts(theirs).append(rows.rollout(1))
    with pytest.raises(NotEmpty), theirs.writing() as connection:
        postgresql.clear(connection)
    assert tell(url, "SELECT count(*) FROM rollouts") == [(1,)]


def test_tables_of_strangers_are_left_alone(theirs: Database, url: str) -> None:
    tell(url, "CREATE TABLE stranger (a INTEGER)")
    with theirs.writing() as connection:
        postgresql.clear(connection)
    assert tell(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("stranger",)]


def test_a_database_that_is_lost_on_the_way_is_said(theirs: Database, url: str, tmp_path: Path) -> None:
    def heard(part: str, *_: object) -> None:
        if part == "exchanges":
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            tell(url, f"{ended} AND datname = current_database()")

    with pytest.raises(StoreUnavailable):
        postgresql.copy_tables(theirs, tmp_path / "file.db", heard)
