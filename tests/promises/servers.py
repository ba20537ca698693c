"""Real server processes: started as a user starts them, killed without warning, and asked as any client asks."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.app import Assay
from tests import homes

APPLICATION = Path(__file__).parent / "stones"
READY_S = 60.0
SERVE = """
import json, sys
from pathlib import Path
from assay.web.server import serve
sys.exit(serve(Path(sys.argv[1]), json.loads(sys.argv[2])))
"""
# no workers for jobs, and an end at once, unless a test is about them
PLAIN = {"port": 0, "job_workers": 0, "predict_workers": 0, "drain_delay_s": 0}
STONE = {"carat": 1.0, "depth": 61.0, "cut": "Ideal", "color": "E"}
NOTE = {"text": "a note", "count": 3, "weight": 1.0, "urgent": True, "discount": 0.5}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """One response as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem, empty for anything else."""
        problem = self.headers.get("content-type") == "application/problem+json"
        return str(self.json["code"]) if problem else ""


@dataclass
class Server:
    """A running server. `process` is what was started, `pid` the server itself, which a tracer may stand before."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    pid: int
    home: Path
    workers: list[int] = field(default_factory=list)  # the web processes, which the server replaces when they end

    @property
    def worker(self) -> int:
        """The web process of a server with one."""
        (found,) = self.workers
        return found

    def ask(
        self, path: str, body: bytes | None = None, *, method: str = "", headers: Mapping[str, str] | None = None,
        timeout_s: float = 20.0,
    ) -> Answer:  # fmt: skip
        """One request on a connection of its own; with a body it is a POST of JSON unless told otherwise."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            told = dict(headers) if headers is not None else (JSON if body is not None else {})
            connection.request(method or ("GET" if body is None else "POST"), path, body, dict(told))
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def predict(
        self, question: Any = None, *, model: str = "stones", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One prediction; a plain stone unless told otherwise."""
        body = json.dumps(STONE if question is None else question).encode()
        return self.ask(f"/v1/models/{model}/predict", body, headers={**JSON, **(headers or {})})

    def raw(self, data: bytes | Sequence[bytes], *, wait_s: float = 20.0, half_close: bool = False) -> bytes:
        """Whatever comes back for these bytes until the server closes or `wait_s` is over."""
        parts = [data] if isinstance(data, bytes) else data
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            return _conversation(connection, parts, wait_s, half_close=half_close)

    def exchange(self, told: str) -> dict[str, Any] | None:
        """The recorded exchange of this id, as the server itself tells it."""
        answer = self.ask(f"/v1/exchanges/{told}")
        return dict(answer.json) if answer.status == 200 else None

    def alive(self) -> bool:
        """Whether the server and its web processes still run under the pids that they had at the start."""
        return self.process.poll() is None and all(running(pid) for pid in (self.pid, *self.workers))

    def notice(self) -> dict[str, Any]:
        """What the server says of itself in its home."""
        return dict(json.loads((self.home / "serve.json").read_text()))

    def find_workers(self) -> None:
        """Looks again for the web processes, of which some may have been replaced."""
        self.workers = self.notice()["workers"]

    def kill(self) -> None:
        """As the kernel kills: at once, the server and its processes and whoever traces them."""
        _signal(self.pid, signal.SIGSTOP)  # so that it replaces nobody meanwhile
        for pid in (*children(self.pid), *self.workers, self.pid):
            _signal(pid, signal.SIGKILL)
        self.wait()

    def wait(self, timeout_s: float = 30.0) -> int:
        """Waits for the end of what was started; the tracer goes with the traced."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()

    def stop(self) -> int:
        """As an operator stops: asks, and waits."""
        _signal(self.pid, signal.SIGTERM)
        return self.wait()


def start(
    home: Path, *, unsafe: Sequence[str] = (), workers: int = 1, tracer: Sequence[str] = (), application: Path = APPLICATION,
    told: Mapping[str, Any] | None = None, ready: int = 200,
) -> Server:  # fmt: skip
    """A server on a free port of this machine that answers `/readyz` as told; raises AssertionError where it does not."""
    log = home.parent / f"{home.name}.log"
    settings = {**PLAIN, "workers": workers, "home": str(home), **(told or {})}
    command = [*tracer, sys.executable, "-c", SERVE, str(application), json.dumps(settings)]
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=environment(unsafe, home), bufsize=0
        )
    try:
        port = _port(process, log)
        server = Server(process, port, log, children(process.pid)[0] if tracer else process.pid, home)
        _await_ready(server, workers, ready)
    except BaseException:
        Server(process, 0, log, process.pid, home).kill()
        raise
    return server


@contextmanager
def serving(home: Path, **told: Any) -> Iterator[Server]:
    """A server for the length of a block; killed at its end, as there is nothing that it would lose by that."""
    server = start(home, **told)
    try:
        yield server
    finally:
        server.kill()


def environment(unsafe: Sequence[str] = (), home: Path | None = None) -> dict[str, str]:
    """This process's environment without settings of Assay, but for the protections to be switched off and the database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    told = homes.environment_of(home) if home is not None else {}
    told |= {"ASSAY_UNSAFE": json.dumps(list(unsafe))} if unsafe else {}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **told}


def copy_of(home: Path, place: Path) -> Path:
    """A home of one's own to break, with a database of its own."""
    return homes.copied(home, place)


def assay_of(home: Path, application: Path = APPLICATION, **told: Any) -> Assay:
    """The application in this process, as an operator's command opens it beside the server."""
    return Assay.at(application, **homes.settings_of(home), **told)


def parse(data: bytes) -> list[Answer]:
    """The complete responses in these bytes."""
    found: list[Answer] = []
    while data.startswith(b"HTTP/1.1 "):
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", "0"))
        if status >= 200:
            found.append(Answer(status, headers, rest[:length]))
        data = rest[length:] if status >= 200 else rest
    return found


def until_ready(server: Server, ready: int = 200, timeout_s: float = READY_S) -> float:
    """Seconds until `/readyz` answers so."""
    since = time.monotonic()
    while time.monotonic() - since < timeout_s:
        try:
            if server.ask("/readyz", timeout_s=timeout_s).status == ready:
                return time.monotonic() - since
        except (ConnectionError, TimeoutError, http.client.HTTPException):
            if server.process.poll() is not None:
                break
        time.sleep(0.02)
    raise AssertionError(f"the server is not ready: {server.log.read_text()[-3000:]}")


def until_whole(server: Server, workers: int, gone: int = 0, timeout_s: float = READY_S) -> None:
    """Waits until the server has so many web processes that listen, without the one that is gone."""
    until = time.monotonic() + timeout_s
    while True:
        notice = server.notice()
        server.workers = notice["workers"]
        if (
            len(server.workers) == workers
            and gone not in server.workers
            and set(notice["ready"]) == set(server.workers)
        ):
            return
        assert time.monotonic() < until, f"{server.workers} are not {workers} that listen"
        time.sleep(0.02)


def _await_ready(server: Server, workers: int, ready: int) -> None:
    until_ready(server, ready)
    until_whole(server, workers)


def running(pid: int) -> bool:
    """Whether the process is there and not just waiting to be buried."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # also while it is being read
        return False


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], READY_S)
    line = process.stdout.readline().decode() if ready else ""
    assert "http://127.0.0.1:" in line, f"no address: {line!r} {log.read_text()[-3000:]}"
    return int(line.split("http://127.0.0.1:")[1].split(" ")[0])


def children(pid: int) -> list[int]:
    """The processes that a process has started and that have not ended."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()] if found.exists() else []


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _conversation(connection: socket.socket, parts: Sequence[bytes], wait_s: float, *, half_close: bool) -> bytes:
    found = bytearray()
    try:
        for part in parts:
            connection.sendall(part)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        until = time.monotonic() + wait_s
        while (left := until - time.monotonic()) > 0:
            connection.settimeout(left)
            chunk = connection.recv(1 << 16)
            if not chunk:
                break
            found += chunk
            if not half_close and _complete(found):
                break
    except (TimeoutError, ConnectionError):
        pass
    return bytes(found)


def _complete(data: bytes | bytearray) -> bool:
    head, separator, rest = bytes(data).partition(b"\r\n\r\n")
    lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(separator) and not head.startswith(b"HTTP/1.1 1") and bool(lengths) and len(rest) >= int(lengths[0])
