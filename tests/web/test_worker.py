"""One web process on a socket that somebody else has bound, which ends when its supervisor is gone."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def started(folder: Path, listening: socket.socket, **told: Any) -> tuple[subprocess.Popen[bytes], int, int]:
    """A web process, the pipe on which it reports, and the one that it watches."""
    watched, held = os.pipe()
    heard, reporting = os.pipe()
    pipes = (listening.fileno(), watched, reporting)
    places = [str(listening.fileno()), str(watched), "first", str(reporting)]
    command = [sys.executable, "-m", "assay.web.worker", str(folder), *places, json.dumps(told)]
    worker = subprocess.Popen(command, pass_fds=pipes, stderr=subprocess.DEVNULL)
    os.close(watched)
    os.close(reporting)
    return worker, heard, held


def said(heard: int) -> dict[str, Any]:
    """What it has reported, once it has."""
    with os.fdopen(heard) as lines:
        return dict(json.load(lines))


def test_a_worker_serves_an_inherited_socket_until_its_supervisor_is_gone(tmp_path: Path) -> None:
    shutil.copytree(tiny.application() / ".assay", tmp_path / "home")
    listening = bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    worker, heard, held = started(tiny.application(), listening, home=str(tmp_path / "home"))
    listening.close()
    assert said(heard) == {"ready": True}
    assert status(port, "/readyz") == 200
    assert worker.poll() is None
    os.close(held)
    assert worker.wait(30) == 0


def test_what_is_there_when_it_is_ready_is_not_looked_through_for_garbage(tmp_path: Path) -> None:
    folder = shutil.copytree(tiny.application(), tmp_path / "app")
    counting = "import gc\n\n\n@router.get('/frozen')\nasync def frozen() -> int:\n    return gc.get_freeze_count()\n"
    (folder / "api.py").write_text(f"{(folder / 'api.py').read_text()}\n\n{counting}")
    listening = bind("127.0.0.1", 0)
    worker, heard, held = started(folder, listening)
    assert said(heard) == {"ready": True}
    connection = http.client.HTTPConnection("127.0.0.1", listening.getsockname()[1], timeout=10)
    connection.request("GET", "/frozen")
    assert json.load(connection.getresponse()) > 10_000
    connection.close()
    os.close(held)
    assert worker.wait(30) == 0
    listening.close()


def test_told_to_drain_it_is_unready_and_accepts_and_told_to_retire_it_ends(tmp_path: Path) -> None:
    shutil.copytree(tiny.application() / ".assay", tmp_path / "home")
    listening = bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    worker, heard, held = started(tiny.application(), listening, home=str(tmp_path / "home"), drain_delay_s=60)
    assert said(heard)["ready"]
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        worker.send_signal(number)
    eventually(lambda: status(port, "/readyz") == 503)
    assert status(port, "/livez") == 200
    worker.send_signal(signal.SIGUSR1)
    assert worker.wait(30) == 0
    assert listening.getsockname()[1] == port, "the socket is still the supervisor's"
    for one in (held, listening.detach()):
        os.close(one)


def test_a_drained_one_ends_by_itself_once_its_delay_is_over(tmp_path: Path) -> None:
    shutil.copytree(tiny.application() / ".assay", tmp_path / "home")
    with bind("127.0.0.1", 0) as listening:
        worker, heard, held = started(tiny.application(), listening, home=str(tmp_path / "home"), drain_delay_s=0)
        assert said(heard)["ready"]
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        os.close(held)


def test_the_log_is_one_json_object_a_line_on_standard_error() -> None:
    code = (
        "import structlog; from assay.logs import configure_log; configure_log();"
        " structlog.get_logger('assay').warning('something', model='stone')"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    line = json.loads(told.stderr)
    assert (line["event"], line["level"], line["model"]) == ("something", "warning", "stone")
    assert told.stdout == ""


def test_an_application_that_cannot_be_served_ends_the_worker_with_a_failure(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("x = 1")
    (tmp_path / "api.py").write_text("router = None")
    with bind("127.0.0.1", 0) as listening:
        worker, heard, held = started(tmp_path, listening)
        assert "no assay.Model" in said(heard)["refused"]
        assert worker.wait(60) != 0
        os.close(held)


@pytest.mark.parametrize("module", ["assay.web.worker"])
def test_importing_it_starts_nothing(module: str) -> None:
    code = f"import threading, {module}; print(threading.active_count())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"
