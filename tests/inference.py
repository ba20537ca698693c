"""The inference module of the example, started as a user starts it, on an application of the test's own."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).parents[1] / "examples" / "recordings" / "inference.py"
READY_S = 60.0


@dataclass(frozen=True)
class Inference:
    """The running program."""

    port: int

    def ask(self, target: str, host: str = "127.0.0.1") -> tuple[int, Any]:
        """Status and JSON of a request, whose target is sent as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest("GET", target, skip_host=True)
            connection.putheader("Host", host)
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if answer.headers.get_content_type() == "application/json" else body
        finally:
            connection.close()


def command(application: Path, home: Path, port: int, *more: str) -> list[str]:
    """What starts the program."""
    told = ["--application", str(application), "--home", str(home), "--port", str(port), *more]
    return [sys.executable, str(PROGRAM), *told]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def answering(
    application: Path, home: Path, *more: str, before: Sequence[str] = (), port: int = 0
) -> Iterator[Inference]:
    """The program, for the length of a block; `before` is what it is started by."""
    asked = Inference(port or free_port())
    log = home.with_name(f"{home.name}.inference.log")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*before, *command(application, home, asked.port, *more)], env=kept, stdout=out, stderr=out
        )
    try:
        until = time.monotonic() + READY_S
        while True:
            assert process.poll() is None and time.monotonic() < until, log.read_text()[-3000:]
            try:
                if asked.ask("/openapi.json")[0] == 200:
                    break
            except OSError:
                time.sleep(0.05)
        yield asked
    finally:
        process.terminate()
        process.wait(20)
