"""A job's verb is done in a process of its own, under its lease, and what came of it is told; with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay, working
from assay.clock import new_id, now_us
from assay.domain.job import ENDED, Job
from assay.errors import StoreUnavailable
from tests import tiny
from tests.promises.servers import environment

PATIENCE_S = 60.0


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home") as opened:
        yield opened


def order(assay: Assay, **told: Any) -> Job:
    known: dict[str, Any] = {"verb": "train", "model": "stone", "by": "test"}
    return assay.jobs.add(Job(id=new_id(), at=now_us(), **(known | told)))


def ended(assay: Assay, job: Job) -> Job:
    """The job, once it has ended."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = assay.jobs.find(job.id)
        if found.state in ENDED:
            return found
        time.sleep(0.05)
    raise AssertionError(assay.jobs.find(job.id))


@contextmanager
def worker(assay: Assay, **told: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as a server starts it, with the pipe by which it knows that the server is there."""
    watched, held = os.pipe()
    settings = {"home": str(assay.home), "look_interval_s": 0.2, **told}
    line = [
        sys.executable,
        "-P",
        "-m",
        "assay.app.working",
        str(assay.application.folder),
        str(watched),
        json.dumps(settings),
    ]
    process = subprocess.Popen(line, pass_fds=(watched,), env=environment(), stderr=subprocess.DEVNULL)
    os.close(watched)
    try:
        yield process
    finally:
        os.close(held)
        assert process.wait(30) == 0, "a worker ends well when its server is gone"


def test_a_training_is_done_and_tells_what_came_of_it(assay: Assay, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    assay.application.own_rows().write_csv(rows)
    with worker(assay):
        done = ended(assay, order(assay, arguments={"data": str(rows), "recipes": ["linear"], "label": "mine"}))
    assert (done.state, done.attempts, done.error) == ("succeeded", 1, "")
    told = done.result["stone"]
    number = told["versions"][0]["number"]
    assert told["promoted"] in (number, None)
    version = assay.versions.find("stone", number)
    assert (version.recipe, version.label) == ("linear", "mine")
    assert told["versions"][0]["metrics"] == version.metrics


def test_without_a_model_every_model_of_the_application_is_trained(assay: Assay) -> None:
    with worker(assay):
        done = ended(assay, order(assay, model=None, arguments={"recipes": ["rough"]}))
    assert set(done.result) == {"stone"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ({"data": "/nowhere/at/all.csv"}, "data_invalid", "there is no such file"),
        ({"recipes": ["cubic"]}, "application_invalid", "no recipe cubic"),
        ({"dataset": "none-of-this-name"}, "dataset_not_found", "none-of-this-name"),
    ],
)
def test_what_cannot_be_done_fails_with_the_reason(assay: Assay, arguments: Any, code: str, said: str) -> None:
    with worker(assay):
        done = ended(assay, order(assay, arguments=arguments))
    assert (done.state, done.code, done.attempts) == ("failed", code, 1)
    assert said in done.error


def test_a_job_that_loses_the_store_does_not_end_by_that(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_told: Any) -> dict[str, Any]:
        raise StoreUnavailable("It is away.")

    monkeypatch.setitem(working.VERBS, "train", train)
    monkeypatch.setattr(os, "nice", lambda _more: 0)  # this process is not the job's
    job = order(assay)
    claimed = assay.jobs.claim("somebody", ("train",), 60.0)
    assert claimed is not None and claimed.token is not None
    assert working.do(assay.application.folder, {"home": assay.home}, job.id, claimed.token) == 1
    assert assay.jobs.find(job.id).state == "running"  # its worker sees how the process ended, and gives it back


def test_a_worker_that_is_told_to_stop_hands_its_job_back(assay: Assay) -> None:
    job = order(assay)
    with worker(assay) as process:
        until = time.monotonic() + PATIENCE_S
        while assay.jobs.find(job.id).state == "queued" and time.monotonic() < until:
            time.sleep(0.01)
        process.terminate()
        process.wait(30)
    left = assay.jobs.find(job.id)
    assert left.state in ("queued", "succeeded"), "handed back, or just done"
    with worker(assay):
        assert ended(assay, job).state == "succeeded"


def test_a_job_whose_process_is_killed_is_done_by_the_next(assay: Assay) -> None:
    job = order(assay)
    with worker(assay) as process:
        child = 0
        until = time.monotonic() + PATIENCE_S
        while not child and time.monotonic() < until:
            found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            child = int(found[0]) if found else 0
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        done = ended(assay, job)
    assert (done.state, done.attempts) == ("succeeded", 2)
    assert "signal 9" in done.log
    numbers = [version.number for version in assay.versions.all("stone")]
    assert sorted(numbers) == list(range(1, len(numbers) + 1)), "no number was lost or given twice"


def test_fresh_rows_in_the_watched_folder_make_one_job(assay: Assay, tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    assay.application.own_rows().write_csv(folder / "first.csv")
    with worker(assay, data=str(folder)), worker(assay, data=str(folder)):
        until = time.monotonic() + PATIENCE_S
        while not assay.jobs.counts().get("succeeded") and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(1)
    assert assay.jobs.counts() == {"succeeded": 1}


def test_a_worker_ends_with_its_server_also_where_the_pipe_does_not_wait(assay: Assay) -> None:
    watched, held = os.pipe()
    os.set_blocking(watched, False)  # as an event loop that shares it would
    line = [sys.executable, "-P", "-m", "assay.app.working", str(assay.application.folder), str(watched)]
    told = json.dumps({"home": str(assay.home)})
    process = subprocess.Popen([*line, told], pass_fds=(watched,), env=environment(), stderr=subprocess.PIPE)
    os.close(watched)
    time.sleep(2)
    os.close(held)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"Traceback" not in said


def test_a_worker_whose_settings_cannot_be_read_says_so_in_a_line(assay: Assay) -> None:
    watched, held = os.pipe()
    line = [sys.executable, "-P", "-m", "assay.app.working", str(assay.application.folder), str(watched)]
    told = json.dumps({"home": str(assay.home), "trials": 0})
    ran = subprocess.run(
        [*line, told], pass_fds=(watched,), env=environment(), capture_output=True, text=True, check=False
    )
    os.close(watched)
    os.close(held)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert "worker_not_started" in ran.stderr
