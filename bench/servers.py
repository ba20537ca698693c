"""The servers that are measured: how each is started, asked and understood, and what it has recorded."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench.install import environment
from bench.processes import Processes
from bench.subject import ASSAY, BOOSTED, MODEL, ROOT, Row, Subject, plain_environment

PROGRAMS = ROOT / "bench" / "peers_apps"
PREDICT = f"/v1/models/{MODEL}/predict"
OURS, HANDWRITTEN, UNRECORDED = "assay", "hand-written, recording", "hand-written"
STARTS_WITHIN_S = 120.0
TOLERANCE = 0.05  # of the target's unit: a compiled model adds up in another order
CHECKED = 200
ASKERS = 16


@dataclass(frozen=True, kw_only=True)
class Server:
    """One way of answering; `{folder}` and `{port}` in the command and the environment are filled in at each start."""

    name: str
    command: tuple[str, ...]
    path: str
    workers: int = 1
    environment: dict[str, str] = field(default_factory=dict)
    home: Path | None = None  # copied for each start, so that each begins with the same files
    body: Callable[[Row], Any] = dict
    price: Callable[[Any], float]
    database: str = ""  # within the folder
    url: str = ""  # of a PostgreSQL, where it records there
    counts: dict[str, str] = field(default_factory=dict)  # what is recorded: a query each

    def recorded(self, folder: Path) -> dict[str, int]:
        """How many rows each table has."""
        if not self.counts:
            return {}
        connection: Any = psycopg.connect(self.url) if self.url else sqlite3.connect(folder / self.database)
        try:
            return {name: int(connection.execute(query).fetchone()[0]) for name, query in self.counts.items()}
        finally:
            connection.close()


@dataclass(frozen=True, kw_only=True)
class Running:
    """A server that has given its first right answer."""

    server: Server
    folder: Path
    port: int
    processes: Processes
    cold_start_s: float

    def url(self, path: str = "") -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}{path or self.server.path}"


def ours(subject: Subject, workers: int = 1, home: Path | None = None, application: Path = BOOSTED) -> Server:
    """Assay, everything recorded."""
    command = (
        ASSAY,
        "serve",
        str(application),
        "--home",
        "{folder}/home",
        "--port",
        "{port}",
        "--workers",
        str(workers),
        "--drain-delay",
        "0",
    )
    return Server(
        name=OURS if workers == 1 else f"{OURS}, {workers} workers", command=command, path=PREDICT, workers=workers,
        home=home or subject.home, price=lambda told: float(told["prediction"]), database="home/assay.db",
        counts={
            "exchanges": f"SELECT count(*) FROM exchanges WHERE path = '{PREDICT}' AND status = 200",
            "predictions": "SELECT count(*) FROM predictions",
        },
    )  # fmt: skip


def recording(subject: Subject) -> Server:
    """The hand-written one as durable as ours: each exchange committed before its answer."""
    return _handwritten(subject, HANDWRITTEN, {"DATABASE": "{folder}/exchanges.db"})


def unrecorded(subject: Subject) -> Server:
    """The hand-written one, recording nothing."""
    return _handwritten(subject, UNRECORDED, {})


def mosec(subject: Subject) -> Server:
    """mosec, recording nothing."""
    program = str(PROGRAMS / "batched_mosec.py")
    options = ("--address", "127.0.0.1", "--port", "{port}", "--log-level", "warning")
    return Server(
        name="mosec", command=(str(environment("mosec") / "python"), program, *options), path="/inference",
        environment={"MODEL": str(subject.model)}, price=_named_price,
    )  # fmt: skip


def bentoml(subject: Subject) -> Server:
    """BentoML, recording nothing."""
    command = (
        str(environment("bentoml") / "bentoml"), "serve", "batched_bentoml:Pricing", "--working-dir", str(PROGRAMS),
        "--host", "127.0.0.1", "--port", "{port}",
    )  # fmt: skip
    told = {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": "{folder}/bentoml", "PYTHONPATH": str(PROGRAMS)}
    return Server(
        name="BentoML", command=command, path="/price", environment={"MODEL": str(subject.model)} | told,
        body=lambda stone: {"stones": [stone]}, price=lambda told: float(told[0]),
    )  # fmt: skip


def others(subject: Subject) -> Iterator[Server]:
    """Every other server; one whose environment cannot be made is left out with a sentence."""
    makers: tuple[Callable[[Subject], Server], ...] = (recording, unrecorded, mosec, bentoml)
    for make in makers:
        try:
            yield make(subject)
        except subprocess.CalledProcessError as failed:
            print(f"Left out, because its environment cannot be made: {failed}", file=sys.stderr)


@contextmanager
def running(server: Server, subject: Subject) -> Iterator[Running]:
    """Starts the server in a fresh folder, waits for its first right answer, and ends it after the block."""
    folder = subject.folder / "running"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if server.home is not None:
        shutil.copytree(server.home, folder / "home")
    port = free_port()
    filled = {"folder": str(folder), "port": str(port), "url": server.url}
    environment = plain_environment() | {name: value.format(**filled) for name, value in server.environment.items()}
    began = time.perf_counter()
    processes = Processes([part.format(**filled) for part in server.command], folder=folder, environment=environment)
    up = Running(server=server, folder=folder, port=port, processes=processes, cold_start_s=0)
    try:
        _wait(up, subject)
        yield Running(**{**vars(up), "cold_start_s": time.perf_counter() - began})
    finally:
        processes.end()


def check(up: Running, subject: Subject) -> int:
    """Asks questions, several at once, and ends the program where an answer is wrong; how many were asked."""

    def ask(place: int) -> float:
        return abs(price(up, subject.questions[place]) - subject.prices[place])

    asked = min(CHECKED, len(subject.questions))
    with ThreadPoolExecutor(ASKERS) as askers:
        wrong = [far for far in askers.map(ask, range(asked)) if not far <= TOLERANCE]
    if wrong:
        raise SystemExit(f"{up.server.name} answers {len(wrong)} of {asked} questions wrong, by up to {max(wrong)}.")
    return asked


def price(up: Running, stone: Row) -> float:
    """What the server says that the stone is worth; raises OSError or ValueError where it says nothing of the kind."""
    return up.server.price(post(up.url(), up.server.body(stone)))


def post(url: str, body: Any) -> Any:
    """The answer to one question; raises OSError (its subclass HTTPError) or ValueError."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def _handwritten(subject: Subject, name: str, database: dict[str, str]) -> Server:
    """FastAPI, scikit-learn and SQLAlchemy as a team would write them."""
    command = (
        str(environment("handwritten") / "uvicorn"), "--app-dir", str(PROGRAMS), "--host", "127.0.0.1", "--port", "{port}",
        "--no-access-log", "--log-level", "warning", "handwritten:app",
    )  # fmt: skip
    return Server(
        name=name, command=command, path="/predict", price=_named_price, environment={"MODEL": str(subject.model)} | database,
        database="exchanges.db", counts={"exchanges": "SELECT count(*) FROM exchanges"} if database else {},
    )  # fmt: skip


def _wait(up: Running, subject: Subject) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while up.processes.alive and time.monotonic() < until:
        try:
            if abs(price(up, subject.questions[0]) - subject.prices[0]) <= TOLERANCE:
                return
        except (OSError, ValueError, urllib.error.HTTPError):
            pass
        time.sleep(0.005)
    raise SystemExit(f"{up.server.name} did not start:\n{up.processes.log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _named_price(told: Any) -> float:
    return float(told["price"])
