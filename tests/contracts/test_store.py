"""What every database must do for the store, in one class: whatever is kept is found again, whole, in order, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import inspect

from assay.clock import new_ids, now_us
from assay.errors import AlreadyAnswered, BadCursor, Unstorable, VersionNotFound
from assay.store import datasets, evaluations, schema, versions
from assay.store.database import Database, metadata
from assay.store.databases import open_database
from assay.store.datasets import Datasets
from assay.store.evaluations import Evaluations
from assay.store.paging import Window
from assay.store.record import exchanges
from assay.store.record.exchanges import Exchanges
from assay.store.record.predictions import Predictions
from assay.store.record.recorder import Entry, Recorder
from assay.store.releases.rollouts import Rollouts
from assay.store.versions import Versions
from tests import rows
from tests.postgres import Cluster


def together(work: Any, times: int) -> None:
    """Runs the work in as many threads at once."""
    threads = [threading.Thread(target=work, args=(place,)) for place in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class StoreContract:
    """Inherit, and provide a fixture `database`: an empty one at today's schema."""

    @pytest.fixture
    def recorder(self, database: Database) -> Iterator[Recorder]:
        made = Recorder(database)
        yield made
        made.close()

    # ---- the schema

    def test_an_upgraded_store_has_every_table_and_column(self, database: Database) -> None:
        with database.reading() as connection:
            found = inspect(connection)
            for table in metadata.sorted_tables:
                assert [one["name"] for one in found.get_columns(table.name)] == table.columns.keys()
            assert schema.current(connection) == schema.HEAD

    def test_upgrading_again_keeps_what_is_there(self, database: Database, recorder: Recorder) -> None:
        recorder.record([entry := Entry(rows.exchange_values(), [])])
        schema.upgrade(database)
        assert entry.exchange is not None
        assert Exchanges(database).find(entry.exchange[0]) is not None

    # ---- the record

    def test_an_exchange_comes_back_byte_for_byte(self, database: Database, recorder: Recorder) -> None:
        told = {
            "request": bytes(range(256)), "response": b"\x00\xff", "path": "/ä/☃", "query": "a=%00&b='\"\\", "status": 422,
            "at": 2**53 + 1, "took_us": 2**40, "request_size": 2**40, "response_digest": "ab" * 32, "idempotency_key": "K k",
            "replay_of": "0" * 32,
        }  # fmt: skip
        values = rows.exchange_values(**told)
        recorder.record([Entry(values, [])])
        found = Exchanges(database).find(values[0])
        assert found is not None
        assert tuple(getattr(found, name) for name in exchanges.COLUMNS) == values

    def test_a_prediction_comes_back_with_every_digit(self, database: Database, recorder: Recorder) -> None:
        for value in (0.1 + 0.2, 1e-308, -1.7976931348623157e308, 5e-324, None):
            made = rows.prediction_values(value=value, question='{"text":"ä☃\\u0001"}', answer="[1,2]")
            recorder.record([Entry(None, [made])])
            found = Predictions(database).find(made[0])
            assert found is not None
            assert (found.value, bytes(found.question), bytes(found.answer)) == (value, made[5].encode(), b"[1,2]")

    def test_answers_in_an_experiment_and_others_share_a_group(self, database: Database, recorder: Recorder) -> None:
        plain, drawn = rows.prediction_values(), rows.prediction_values(experiment="checkout")
        listening = rows.prediction_values(experiment="checkout", role="shadow", exchange="e" * 32)
        recorder.record([entry := Entry(rows.exchange_values(), [drawn, plain, listening])])
        assert entry.error is None
        found = [Predictions(database).find(row[0]) for row in (plain, drawn, listening)]
        assert [one and (one.experiment, one.role) for one in found] == [
            (None, "answer"), ("checkout", "answer"), ("checkout", "shadow"),
        ]  # fmt: skip

    def test_exchange_and_predictions_are_kept_together_or_not_at_all(
        self, database: Database, recorder: Recorder
    ) -> None:
        first = rows.prediction_values()
        recorder.record([Entry(None, [first])])
        good = Entry(rows.exchange_values(), [rows.prediction_values()])
        bad = Entry(rows.exchange_values(), [rows.prediction_values(), first])  # an id that is taken
        recorder.record([bad, good])
        assert isinstance(bad.error, Unstorable)
        assert good.error is None
        assert bad.exchange is not None
        assert good.exchange is not None
        assert Exchanges(database).find(bad.exchange[0]) is None
        assert Predictions(database).find(bad.predictions[0][0]) is None
        assert Exchanges(database).find(good.exchange[0]) is not None

    def test_a_key_belongs_to_one_exchange_and_none_to_any_number(self, database: Database, recorder: Recorder) -> None:
        entries = [Entry(rows.exchange_values(idempotency_key=key), []) for key in ("a", None, "a", None, "A")]
        recorder.record(entries)
        assert [type(entry.error) for entry in entries] == [
            type(None),
            type(None),
            AlreadyAnswered,
            type(None),
            type(None),
        ]
        found = Exchanges(database).by_idempotency_key("a")
        assert found is not None
        assert entries[0].exchange is not None
        assert found.id == entries[0].exchange[0]

    def test_a_key_that_many_claim_at_once_is_given_once(self, database: Database) -> None:
        entries = [Entry(rows.exchange_values(idempotency_key="k"), []) for _ in range(8)]

        def claim(place: int) -> None:
            with closing(Recorder(database)) as mine:
                mine.record([entries[place]])

        together(claim, 8)
        assert sum(entry.error is None for entry in entries) == 1
        assert all(isinstance(entry.error, AlreadyAnswered) for entry in entries if entry.error is not None)

    def test_what_many_threads_record_is_all_there(self, database: Database, recorder: Recorder) -> None:
        entries = [[Entry(rows.exchange_values(), [rows.prediction_values()]) for _ in range(20)] for _ in range(6)]

        def work(place: int) -> None:
            for entry in entries[place]:
                recorder.record([entry])

        together(work, 6)
        assert all(entry.done and entry.error is None for mine in entries for entry in mine)
        with database.reading() as connection:
            assert exchanges.count(connection) == 120

    # ---- paging

    def test_pages_visit_every_entry_once_in_order(self, database: Database, recorder: Recorder) -> None:
        ids = new_ids(57)
        recorder.record([Entry(rows.exchange_values(id=one, at=place), []) for place, one in enumerate(ids)])
        recorder.record([Entry(None, [rows.prediction_values(id=one, at=place)]) for place, one in enumerate(ids)])
        for collection in (Exchanges(database), Predictions(database)):
            for limit in (1, 7, 57, 100):
                seen: list[str] = []
                asked = Window(limit=limit)
                while True:
                    page: Any = collection.page(asked)
                    seen += [one.id for one in page.entries]
                    if page.next_cursor is None:
                        break
                    asked = Window(limit=limit, cursor=page.next_cursor)
                assert seen == ids[::-1]

    def test_a_page_is_not_moved_by_what_arrives_meanwhile(self, database: Database, recorder: Recorder) -> None:
        ids = new_ids(20)
        recorder.record([Entry(rows.exchange_values(id=one), []) for one in ids[:10]])
        first = Exchanges(database).page(Window(limit=5))
        recorder.record([Entry(rows.exchange_values(id=one), []) for one in ids[10:]])
        second = Exchanges(database).page(Window(limit=5, cursor=first.next_cursor))
        assert [one.id for one in (*first.entries, *second.entries)] == ids[9::-1]

    def test_times_narrow_a_page(self, database: Database, recorder: Recorder) -> None:
        now = now_us()
        recorder.record([Entry(rows.exchange_values(at=now + place), []) for place in range(10)])
        found = Exchanges(database).page(Window(since=now + 3, until=now + 6)).entries
        assert sorted(one.at for one in found) == [now + 3, now + 4, now + 5]

    def test_a_strangers_cursor_is_refused(self, database: Database) -> None:
        with pytest.raises(BadCursor):
            Exchanges(database).page(Window(cursor="nonsense"))

    # ---- the registry

    def test_a_version_is_registered_with_its_dataset_and_evaluation_or_not_at_all(self, database: Database) -> None:
        with pytest.raises(RuntimeError), database.writing() as connection:
            datasets.add(connection, rows.dataset())
            versions.add(connection, rows.version())
            evaluations.add(connection, rows.evaluation())
            raise RuntimeError
        assert Versions(database).all("stone") == []
        assert Datasets(database).all("stone") == []
        assert Evaluations(database).all("stone", 1) == []

    def test_nouns_come_back_equal(self, database: Database) -> None:
        dataset, evaluation = rows.dataset(removed_file="cd" * 32), rows.evaluation()
        with database.writing() as connection:
            datasets.add(connection, dataset)
            version = versions.add(connection, rows.version(error="ä☃", metrics={"mae": 0.1 + 0.2}))
            evaluations.add(connection, evaluation)
        rollout = Rollouts(database).append(rows.rollout(1, reason="'; DROP TABLE rollouts; --"))
        assert Datasets(database).find("stone", dataset.id) == dataset
        assert Versions(database).find("stone", 1) == version
        assert Evaluations(database).all("stone", 1) == [evaluation]
        assert Rollouts(database).ruling("stone") == rollout

    def test_numbers_are_given_once_whoever_registers_at_the_same_time(self, database: Database) -> None:
        def register(_: int) -> None:
            with database.writing() as connection:
                versions.add(connection, rows.version())

        together(register, 12)
        assert [one.number for one in Versions(database).all("stone")] == list(range(12, 0, -1))

    def test_a_version_is_marked_and_otherwise_never_changes(self, database: Database) -> None:
        with database.writing() as connection:
            kept = versions.add(connection, rows.version())
        Versions(database).mark("stone", 1, status="broken", error="damaged")
        assert Versions(database).find("stone", 1) == msgspec.structs.replace(kept, status="broken", error="damaged")
        with pytest.raises(VersionNotFound):
            Versions(database).find("stone", 2)

    def test_decisions_made_at_the_same_time_form_one_chain(self, database: Database) -> None:
        collection = Rollouts(database)
        together(lambda place: collection.append(rows.rollout(place + 1)), 12)
        history = collection.history("stone")[::-1]
        assert [one.previous for one in history] == [None, *(one.version for one in history[:-1])]
        assert collection.ruling("stone") == history[-1]
        assert collection.newest() >= 12


class TestSqlite(StoreContract):
    """SQLite, which is what a store is unless told otherwise."""

    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[Database]:
        made = open_database(tmp_path / "assay.db")
        schema.upgrade(made)
        yield made
        made.close()


@pytest.fixture(scope="module")
def upgraded(postgres: Cluster) -> str:
    """A database of PostgreSQL at today's schema, to be copied."""
    made = open_database(url := postgres.create())
    schema.upgrade(made)
    made.close()
    return url


class TestPostgresql(StoreContract):
    """PostgreSQL, which a store is where it is told so."""

    @pytest.fixture
    def database(self, postgres: Cluster, upgraded: str) -> Iterator[Database]:
        made = open_database(url := postgres.create(upgraded))
        yield made
        made.close()
        postgres.drop(url)
