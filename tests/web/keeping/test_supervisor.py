"""The supervisor replaces who dies, gives up where that is in vain, and ends with all of its processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tiny
from tests.web.running import eventually
from tests.web.test_server import START, Served


def test_who_dies_is_replaced_and_the_server_stays(tmp_path: Path) -> None:
    if shutil.which("pgrep") is None:
        pytest.skip("needs pgrep to find the workers")
    served = Served(tmp_path / "home")
    (before,) = served.children()
    os.kill(before, signal.SIGKILL)
    eventually(lambda: served.status("/readyz") == 200 and served.children() != [before])
    assert served.end() == 0


def test_a_job_worker_that_always_ends_never_brings_down_serving(tmp_path: Path) -> None:
    served = Served(tmp_path / "home", job_workers=1)
    for _ in range(3):
        eventually(lambda: bool(served.notice()["jobs"]), 30)
        gone = served.notice()["jobs"]
        for worker in gone:
            os.kill(worker, signal.SIGKILL)
        eventually(lambda gone=gone: served.notice()["jobs"] != gone, 30)  # type: ignore[misc]  # its default is a list
    assert served.status("/readyz") == 200
    assert served.process.poll() is None
    assert served.end() == 0


def test_an_application_that_cannot_be_served_ends_it_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("x = 1")
    told = json.dumps({"home": str(tmp_path / "home"), "port": 0, "job_workers": 0})
    ran = subprocess.run(
        [sys.executable, "-c", START, str(tmp_path), told], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 1
    assert "error: model.py declares no assay.Model." in ran.stderr
    assert not (tmp_path / "home" / "serve.json").exists()


def test_a_reload_brings_new_processes_and_one_that_is_refused_leaves_the_old(tmp_path: Path) -> None:
    shutil.copytree(tiny.application(), tmp_path / "app", ignore=shutil.ignore_patterns(".assay", "__pycache__"))
    served = Served(tmp_path / "home", folder=tmp_path / "app")
    before = served.notice()["workers"]
    served.process.send_signal(signal.SIGHUP)
    eventually(lambda: served.notice()["reloads"] == 1, 60)
    assert served.notice()["outcome"] == ""
    between = served.notice()["workers"]
    assert set(before).isdisjoint(between)
    (tmp_path / "app" / "model.py").write_text("x = 1")
    served.process.send_signal(signal.SIGHUP)
    eventually(lambda: served.notice()["reloads"] == 2, 60)
    assert "no assay.Model" in served.notice()["outcome"]
    assert served.notice()["workers"] == between
    assert served.status("/readyz") == 200
    assert served.end() == 0


def test_a_notice_that_cannot_be_written_ends_nobody(tmp_path: Path) -> None:
    served = Served(tmp_path / "home")
    (before,) = served.children()
    notice = tmp_path / "home" / "serve.json"
    notice.unlink()
    (notice / "in-the-way").mkdir(parents=True)  # as hard to replace as with a full disk
    os.kill(before, signal.SIGKILL)
    eventually(lambda: served.children() != [before] and served.status("/readyz") == 200)
    shutil.rmtree(notice)
    eventually(notice.is_file)
    eventually(lambda: served.notice()["workers"] == served.children())
    assert served.end() == 0
