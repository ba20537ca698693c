"""`assay jobs` on a real home, and the words by which `assay jobs` and `assay work` are misused."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.cli.commands.jobs import MOST_LISTED, STATES
from assay.domain import job as domain
from assay.store.audit import Audit
from assay.store.databases.sqlite import Sqlite
from assay.store.paging import MAX_LIMIT, Window
from assay.store.work.jobs import Jobs
from tests import chores
from tests.cli.conftest import PROGRAM, Run, as_json, run


@pytest.fixture
def database(home: Path) -> Iterator[Sqlite]:
    made = Sqlite(home / "assay.db")
    yield made
    made.close()


@pytest.fixture
def jobs(database: Sqlite) -> Jobs:
    return Jobs(database)


def begun(jobs: Jobs, **told: Any) -> domain.Job:
    jobs.add(chores.chore(priority=9, **told))
    job = jobs.claim("me", chores.VERBS, 60)
    assert job is not None
    return job


def test_where_there_are_no_jobs_it_says_so(assay: Run) -> None:
    said = assay("jobs")
    assert (said.exit_code, said.stdout) == (0, "")
    assert "no jobs yet" in said.stderr
    assert as_json(assay("jobs", "--json")) == {"counts": {}, "jobs": []}


def test_the_newest_jobs_are_listed(assay: Run, jobs: Jobs) -> None:
    made = [jobs.add(chores.chore(model="stone")).id for _ in range(3)]
    job = begun(jobs)
    jobs.report(job.id, job.token or "", stage="fitting", done=2, total=5)
    said = assay("jobs")
    lines = [line for line in said.stdout.splitlines() if "chore" in line]
    assert [line.split()[0] for line in lines] == [job.id, *made[::-1]]
    assert "running" in lines[0]
    assert "fitting 2 of 5" in lines[0]
    assert "3 queued, 1 running" in said.stderr


def test_some_jobs_are_chosen(assay: Run, jobs: Jobs) -> None:
    made = [jobs.add(chores.chore()).id for _ in range(3)]
    jobs.cancel(made[0], "me")
    assert [one["id"] for one in as_json(assay("jobs", "--state", "canceled", "--json"))["jobs"]] == [made[0]]
    assert [one["id"] for one in as_json(assay("jobs", "--limit", "1", "--json"))["jobs"]] == [made[2]]
    assert "There is no job in the state 'expired'." in assay("jobs", "--state", "expired").stderr


def test_all_is_told_about_one_job(assay: Run, jobs: Jobs) -> None:
    job = begun(jobs, max_attempts=1, by="a test")
    jobs.report(job.id, job.token or "", line="step one\x1b[2J")
    jobs.lost(job.id, job.token or "", "ended by signal 11", "Segmentation fault")
    said = assay("jobs", job.id).stdout
    for told in (
        "failed",
        "worker_lost",
        "its worker was lost once",
        "a test",
        "1 of 1",
        '{"do":"sleep"}',
        "! Segmentation",
    ):
        assert told in said
    assert "\x1b[2J" not in said
    found = as_json(assay("jobs", job.id, "--json"))
    assert (found["state"], found["code"], found["arguments"]) == ("failed", "worker_lost", {"do": "sleep"})
    assert "token" not in found


def test_the_log_alone_is_shown_where_that_is_wanted(assay: Run, jobs: Jobs) -> None:
    job = begun(jobs)
    jobs.report(job.id, job.token or "", line="step one")
    assert assay("jobs", job.id, "--log").stdout == "step one\n"
    assert as_json(assay("jobs", job.id, "--log", "--json")) == {"log": "step one\n"}


def test_a_job_is_canceled_and_tried_again(assay: Run, jobs: Jobs, database: Sqlite) -> None:
    made = jobs.add(chores.chore())
    assert as_json(assay("jobs", made.id, "--cancel", "--json"))["state"] == "canceled"
    assert as_json(assay("jobs", made.id, "--retry", "--json"))["state"] == "queued"
    noted = Audit(database).page(Window(), subject=made.id).entries
    assert [(one.action, one.by) for one in noted] == [("job.retry", "assay jobs"), ("job.cancel", "assay jobs")]


def test_a_running_job_that_is_canceled_runs_until_its_worker_has_ended_it(assay: Run, jobs: Jobs) -> None:
    job = begun(jobs)
    assert "running (to be canceled)" in assay("jobs", job.id, "--cancel").stdout


def test_what_cannot_be_done_ends_with_a_sentence(assay: Run, jobs: Jobs) -> None:
    made = jobs.add(chores.chore())
    refused = assay("jobs", made.id, "--retry")
    assert refused.exit_code == 1
    assert "this one is queued" in refused.stderr
    missing = assay("jobs", "f" * 32)
    assert missing.exit_code == 1
    assert "There is no job" in missing.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["x"], ["F" * 32], ["--cancel"], ["--retry"], ["--log"], ["--state", "done"], ["--limit", "0"], ["--limit", "x"],
        ["f" * 32, "--state", "queued"], ["--limit", "1", "--limit", "2"],
    ],
)  # fmt: skip
def test_a_misuse_is_noticed_before_anything_is_opened(app: Path, tmp_path: Path, words: list[str]) -> None:
    done = run("jobs", app, *words, "--home", tmp_path / "never")
    assert done.exit_code == 2
    assert not (tmp_path / "never").exists()


def test_the_words_and_bounds_are_those_of_the_store() -> None:
    assert domain.STATES == STATES
    assert MAX_LIMIT == MOST_LISTED


def test_work_needs_an_application(tmp_path: Path) -> None:
    assert run("work").exit_code == 2
    assert "until Ctrl-C or SIGTERM" in run("work", "--help").stdout


def test_a_worker_is_told_to_stop_and_ends_well(app: Path, home: Path) -> None:
    known = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    worker = subprocess.Popen([*PROGRAM, "work", str(app), "--home", str(home)], env=known, stderr=subprocess.PIPE)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(4)
        worker.terminate()
        assert worker.wait(30) == 0
    finally:
        worker.kill()
        worker.communicate()
