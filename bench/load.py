"""One load: wrk asks a server for a while, and what that took of the machine."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import machine_cpu_s
from bench.servers import Running

SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, kw_only=True)
class Load:
    """What came of one load. `answers` are the good ones, `errors` all others, broken connections among them."""

    connections: int
    answers: int
    errors: int
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_s: float
    other_cores: float

    def row(self) -> dict[str, Any]:
        """The figures by name."""
        return {
            "connections": self.connections, "answers": self.answers, "errors": self.errors,
            "rps": self.answers / self.seconds, "p50_ms": self.p50_ms, "p99_ms": self.p99_ms,
            "cpu_ms": 1000 * self.cpu_s / max(self.answers, 1), "other_cores": self.other_cores,
        }  # fmt: skip


def need_wrk() -> None:
    """Ends the program where wrk is absent."""
    if shutil.which("wrk") is None:
        raise SystemExit("The load comes from wrk, which is not installed. On Debian and Ubuntu: apt-get install wrk")


def load(up: Running, bodies: Sequence[Any], connections: int, seconds: int, *, path: str = "") -> Load:
    """Posts the bodies in turn on so many connections, each asking again as soon as it is answered."""
    file = up.folder / "bodies.txt"
    file.write_text("".join(json.dumps(body) + "\n" for body in bodies))
    command = [
        "wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--timeout", "20s",
        "--script", str(SCRIPT), up.url(path),
    ]  # fmt: skip
    server, machine, client = up.processes.cpu_s(), machine_cpu_s(), _client_cpu_s()
    ran = subprocess.run(command, env=os.environ | {"BODIES": str(file)}, capture_output=True, text=True, check=False)
    server, machine, client = (
        up.processes.cpu_s() - server, machine_cpu_s() - machine, _client_cpu_s() - client,
    )  # fmt: skip
    found = re.search(r"^MEASURED (.*)$", ran.stdout, re.MULTILINE)
    if found is None:
        raise SystemExit(f"wrk failed: {ran.stdout[-1000:]} {ran.stderr[-1000:]}")
    told = json.loads(found[1])
    return Load(
        connections=connections, answers=told["requests"] - told["refused"], errors=told["refused"] + told["broken"],
        seconds=told["seconds"], p50_ms=told["p50_ms"], p99_ms=told["p99_ms"], cpu_s=server,
        other_cores=max(0.0, machine - server - client) / told["seconds"],
    )  # fmt: skip


def _client_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
