"""The process that does tasks: it loads nothing before there is work, answers, tells, and ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from tests import tiny
from tests.asked import accept, queued, task
from tests.hooked import receiver

LONG_S = 60.0


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home") as made:
        yield made


@contextmanager
def predictor(assay: Assay, **told: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The program, as a supervisor starts it."""
    watched, held = os.pipe()
    settings = json.dumps({"home": str(assay.home)} | told)
    command = [sys.executable, "-m", "assay.app.tasks.predicting", str(tiny.application()), str(watched), settings]
    process = subprocess.Popen(command, pass_fds=(watched,), stderr=subprocess.PIPE)
    os.close(watched)
    try:
        yield process
    finally:
        os.close(held)
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def until(holds: Callable[[], Any]) -> None:
    waited = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < waited, "it never came true"
        time.sleep(0.02)


@pytest.mark.xdist_group("server")
def test_tasks_are_done_and_told_of(assay: Assay) -> None:
    with (
        receiver() as (port, came),
        predictor(assay, webhook_secret="a secret of some length", webhook_hosts=["127.0.0.1"]) as process,
    ):
        until(lambda: len(list(Path(f"/proc/{process.pid}/task").glob("*"))) > 2)
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        assert "onnxruntime" not in maps, "there is nothing to do yet"
        ids = [*queued(assay.database, 20), *accept(assay.database, task(webhook=f"http://127.0.0.1:{port}/"))]
        until(lambda: all(assay.jobs.find(id).ended for id in ids))
        assert {assay.jobs.find(id).state for id in ids} == {"succeeded"}
        until(lambda: came)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LONG_S) == 0


@pytest.mark.xdist_group("server")
def test_it_ends_with_its_supervisor(assay: Assay) -> None:
    watched, held = os.pipe()
    command = [sys.executable, "-m", "assay.app.tasks.predicting", str(tiny.application()), str(watched),
               json.dumps({"home": str(assay.home)})]  # fmt: skip
    process = subprocess.Popen(command, pass_fds=(watched,))
    os.close(watched)
    (id,) = queued(assay.database)
    until(lambda: assay.jobs.find(id).ended)
    os.close(held)
    assert process.wait(LONG_S) == 0


def test_settings_that_cannot_be_used_end_it_with_the_reason(assay: Assay) -> None:
    with predictor(assay, lease_s="long") as process:
        assert process.wait(LONG_S) == 1
        assert process.stderr is not None
        assert b"predictor_not_started" in process.stderr.read()
