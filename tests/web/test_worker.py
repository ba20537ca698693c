"""One web process on a socket that somebody else has bound, which ends when its supervisor is gone."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assay.web.server import bind
from tests import tiny
from tests.web.running import eventually


def status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_a_worker_serves_an_inherited_socket_until_its_supervisor_is_gone(tmp_path: Path) -> None:
    shutil.copytree(tiny.application() / ".assay", tmp_path / "home")
    listening = bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    watched, held = os.pipe()
    told = json.dumps({"home": str(tmp_path / "home")})
    command = [
        sys.executable,
        "-m",
        "assay.web.worker",
        str(tiny.application()),
        str(listening.fileno()),
        str(watched),
        told,
    ]
    worker = subprocess.Popen(command, pass_fds=(listening.fileno(), watched))
    os.close(watched)
    listening.close()
    eventually(lambda: status(port, "/readyz") == 200, 60)
    assert worker.poll() is None
    os.close(held)
    assert worker.wait(30) == 0


def test_the_log_is_one_json_object_a_line_on_standard_error() -> None:
    code = (
        "import structlog; from assay.web.worker import configure_log; configure_log();"
        " structlog.get_logger('assay').warning('something', model='stone')"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    line = json.loads(told.stderr)
    assert (line["event"], line["level"], line["model"]) == ("something", "warning", "stone")
    assert told.stdout == ""


def test_an_application_that_cannot_be_served_ends_the_worker_with_a_failure(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("x = 1")
    (tmp_path / "api.py").write_text("router = None")
    listening = bind("127.0.0.1", 0)
    watched, held = os.pipe()
    command = [sys.executable, "-m", "assay.web.worker", str(tmp_path), str(listening.fileno()), str(watched), "{}"]
    worker = subprocess.run(
        command, pass_fds=(listening.fileno(), watched), capture_output=True, text=True, timeout=60, check=False
    )
    for one in (watched, held):
        os.close(one)
    listening.close()
    assert worker.returncode != 0


@pytest.mark.parametrize("module", ["assay.web.worker"])
def test_importing_it_starts_nothing(module: str) -> None:
    code = f"import threading, {module}; print(threading.active_count())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"
