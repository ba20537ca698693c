"""`assay serve` hands the server what it was told, and refuses what cannot be."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM, program, run


@pytest.mark.parametrize(
    "words",
    [("--port", "70000"), ("--port", "x"), ("--workers", "0"), ("--workers", "10000"), ("--host", ""), ("--drain-delay", "-1"),
     ("--data", "a\0b")],
)  # fmt: skip
def test_what_cannot_be_served_is_misuse(words: tuple[str, ...]) -> None:
    assert run("serve", "somewhere", *words).exit_code == 2


def test_the_world_is_not_served_without_consent(app: Path, home: Path) -> None:
    refused = program("serve", app, "--home", home, "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 1
    assert b"--open" in refused.stderr


def test_a_port_that_is_taken_is_named(app: Path, home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = program("serve", app, "--home", home, "--port", port)
    assert refused.returncode == 1
    assert str(port).encode() in refused.stderr
    assert b"Traceback" not in refused.stderr


def test_a_home_is_served_once(app: Path, home: Path) -> None:
    known = {**os.environ, "PYTHONUNBUFFERED": "1", "ASSAY_JOB_WORKERS": "0"}
    command = [*PROGRAM, "serve", str(app), "--home", str(home), "--port", "0", "--drain-delay", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=known) as first:
        try:
            assert first.stdout is not None
            assert b"http://127.0.0.1:" in first.stdout.readline()
            refused = program("serve", app, "--home", home, "--port", "0")
            assert refused.returncode == 1
            assert str(first.pid).encode() in refused.stderr
            assert first.poll() is None
        finally:
            first.send_signal(signal.SIGTERM)
            first.communicate(timeout=30)
