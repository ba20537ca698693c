"""What the documentation tests share: a copy of the repository, one that is trained, and its running server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import ROOT, files

BIN = Path(sys.executable).parent
READY_S = 60


def copied(place: Path) -> Path:
    """A copy of the files under version control, as a fresh clone has them."""
    for path in files():
        target = place / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    return place


def environment() -> dict[str, str]:
    """This process's environment without settings of Assay, with the installed commands first on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    return {**kept, "PATH": f"{BIN}{os.pathsep}{kept.get('PATH', '')}", "VENV": str(BIN.parent), "TERM": "dumb"}


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which the diamonds application is trained, as quickly as it can be."""
    place = copied(tmp_path_factory.mktemp("trained"))
    command = [str(BIN / "assay"), "train", "examples/diamonds", "--trials", "2"]
    ran = subprocess.run(command, cwd=place, env=environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    return place


@pytest.fixture(scope="session")
def openapi(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The OpenAPI document of the running diamonds application."""
    port, log = free_port(), tmp_path_factory.mktemp("served") / "log"
    with log.open("w") as out:
        command = [str(BIN / "assay"), "serve", "examples/diamonds", "--port", str(port), "--drain-delay", "0"]
        server = subprocess.Popen(command, cwd=trained, env=environment(), stdout=out, stderr=out)
    try:
        document = json.loads(_asked(f"http://127.0.0.1:{port}/openapi.json", server, log))
        assert isinstance(document, dict)
        yield document
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def _asked(address: str, server: subprocess.Popen[bytes], log: Path) -> bytes:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                body: bytes = answer.read()
                return body
        except OSError:  # nobody listens yet, or whoever does is still loading
            time.sleep(0.1)
    pytest.fail(f"the server did not answer: {log.read_text()[-2000:]}")
