"""A store of any schema that there ever was is brought to today's, row for row, and today's code reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from assay.domain.job import Job
from assay.errors import SchemaTooNew
from assay.store import schema
from assay.store.audit import Audit
from assay.store.database import Database
from assay.store.databases import open_database
from assay.store.datasets import Datasets
from assay.store.evaluations import Evaluations
from assay.store.paging import Window
from assay.store.queries import Queries
from assay.store.record.exchanges import Exchanges
from assay.store.record.outcomes import Outcomes
from assay.store.record.predictions import Predictions
from assay.store.releases.preparations import Preparations
from assay.store.releases.processes import processes
from assay.store.releases.rollouts import Rollouts
from assay.store.releases.verdicts import Verdicts
from assay.store.schema.shape import differences, shape_of, todays
from assay.store.uploads import Uploads
from assay.store.versions import Versions
from assay.store.work.jobs import Jobs
from assay.store.work.schedules import Schedules
from assay.store.work.trials import Trials
from tests.postgres import Cluster
from tests.upgrade.histories import OF_POSTGRESQL, OF_SQLITE, Rows, file_of, found, rows_of, store_of

ALL = Window(limit=100)
HISTORIES = sorted({*OF_SQLITE, *OF_POSTGRESQL})


@pytest.fixture(params=HISTORIES)
def history(request: pytest.FixtureRequest, cluster: Cluster | None) -> str:
    """Each schema that there was."""
    told: str = request.param
    if cluster is not None and told not in OF_POSTGRESQL:
        pytest.skip("no store in PostgreSQL ever had it")
    return told


@pytest.fixture
def written(history: str, tmp_path: Path) -> Rows:
    """The rows as they were written down."""
    return rows_of(history, tmp_path)


@pytest.fixture
def database(history: str, cluster: Cluster | None, tmp_path: Path) -> Iterator[Database]:
    """A store of that time, upgraded."""
    with store_of(history, cluster, tmp_path) as place, closing(open_database(place)) as made:
        assert schema.upgrade(made) == history[:4]
        yield made


def test_every_row_is_what_it_was(database: Database, written: Rows) -> None:
    assert all(written.values()), "a table without rows shows nothing"
    assert found(database, written) == written
    with database.reading() as connection:
        assert schema.current(connection) == schema.HEAD
        assert differences(shape_of(connection), todays()) == []


def test_todays_code_reads_the_record_and_the_registry(database: Database, written: Rows) -> None:
    for row in written["exchanges"]:
        exchange = Exchanges(database).find(row["id"])
        assert exchange is not None
        assert (exchange.request, exchange.response_size) == (row["request"], row["response_size"])
    predictions = Predictions(database).page(ALL).entries
    assert [(one.id, one.value) for one in predictions] == [
        (row["id"], row["value"]) for row in written["predictions"]
    ][::-1]
    for row in written["versions"]:
        version = Versions(database).find(row["model"], row["number"])
        assert (version.recipe, version.manifest, version.error) == (row["recipe"], row["manifest"], row["error"])
        assert version.metrics == msgspec.json.decode(row["metrics"])
        assert version.label == row.get("label")
    for row in written["datasets"]:
        dataset = Datasets(database).find(row["model"], row["id"])
        assert dataset is not None
        assert (dataset.rows, dataset.source, dataset.parent) == (row["rows"], row["source"], row.get("parent"))
        assert len(dataset.parts) == len(msgspec.json.decode(row.get("parts", "[]")))
    assert len(Evaluations(database).all("stone", 1)) == 1
    assert [one.id for one in Rollouts(database).history("stone")] == [
        written["rollouts"][2]["id"],
        written["rollouts"][0]["id"],
    ]
    assert Rollouts(database).newest() == 7


def test_todays_code_reads_the_living_model(database: Database, history: str, written: Rows) -> None:
    if history == "0001":
        pytest.skip("it came with 0002")
    jobs = {one.id: one for one in Jobs(database).page(ALL).entries}
    assert jobs.keys() == {row["id"] for row in written["jobs"]}
    assert [_told(jobs[row["id"]]) for row in written["jobs"]] == [
        (row["key"], row["state"], row["token"], bool(row["cancel_requested"])) for row in written["jobs"]
    ]
    assert Schedules(database).meet("nightly", "cron 0 0 * * *", 0).slot == written["schedules"][0]["slot"]
    assert [one.value for one in Trials(database).of("78" * 32)] == [0.1 + 0.2, None]
    (open_one,) = Preparations(database).open()
    assert (open_one.sequence, open_one.pid) == (4, written["preparations"][1].get("pid", 0))
    assert Preparations(database).acknowledged(open_one.id) == {written["processes"][0]["id"]: "it lacks a file"}
    assert [one.kind for one in Verdicts(database).page("stone")] == ["guard", "gate"]
    assert [one.action for one in Audit(database).page(ALL).entries] == ["dataset.create", "promote"]
    assert [(one.name, one.rows) for one in Uploads(database).page(ALL).entries] == [("rows", 10)]
    assert [one.size for one in Uploads(database).parts("rows")] == [2**31]
    (query, _) = written["queries"]
    assert Queries(database).answers(query["id"], 0, 10)[1] == 2
    with database.reading() as connection:
        assert connection.execute(select(processes.c.pid)).scalars().all() == [4711]


def test_todays_code_reads_what_was_told_of_the_truth(database: Database, history: str, written: Rows) -> None:
    if history[:4] < "0003":
        pytest.skip("it came with 0003")
    told = Outcomes(database).page(ALL).entries
    assert [(one.id, one.value, one.exchange) for one in told] == [
        (row["id"], row["value"], row["exchange"]) for row in written["outcomes"]
    ][::-1]


def test_a_decision_of_that_time_shares_its_questions_with_nobody(database: Database) -> None:
    for decision in Rollouts(database).history("stone"):
        assert (decision.arms, decision.shadows, decision.experiment) == ((), (), None)
        assert decision.answering == (decision.version,)


def test_what_comes_next_does_not_collide_with_what_was_there(database: Database, history: str) -> None:
    newest = Rollouts(database).history("stone")[0]
    assert Rollouts(database).append(msgspec.structs.replace(newest, id="0" * 32)).previous == newest.version
    assert Rollouts(database).newest() == 8
    if history != "0001":
        made = Preparations(database).propose("stone", 1, by="a test", who=("host", "boot", 1), left=lambda _: True)
        assert made.sequence == 5


def test_a_schema_of_tomorrow_is_refused_and_left_alone(cluster: Cluster | None, tmp_path: Path) -> None:
    with store_of("0002", cluster, tmp_path) as place, closing(open_database(place)) as made:
        with made.writing() as connection:
            connection.exec_driver_sql("UPDATE schema_version SET version_num = '0999'")
        with pytest.raises(SchemaTooNew, match="schema 0999, this Assay knows 0004; upgrade Assay"):
            schema.upgrade(made)
        assert found(made, rows := rows_of("0002", tmp_path)) == rows


def test_a_fixture_is_of_the_schema_that_it_is_named_by(tmp_path: Path) -> None:
    from assay.store.copies import pages

    for name in HISTORIES:
        with pages.reading_file(file_of(name, tmp_path / f"{name}.db")) as source:
            assert pages.revision(source) == name[:4]


def _told(job: Job) -> tuple[Any, ...]:
    return job.key, job.state, job.token, job.cancel_requested
