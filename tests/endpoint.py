"""A real process that speaks the protocol of a remote model, and that misbehaves as it is told while it runs.

It answers `GET /api/detect/{utterance}/{audio}`, the same with parameters, `POST /all` and `POST /rows`. `mood` says how:
see `Moods`. `seen` counts requests, and how many were answered at the same time at most.
"""

from __future__ import annotations

import http.client
import json
import select
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

READY_S = 20.0
LONG = 100 << 20


class Moods:
    """What it does with a request. Each mood is a method of this name; "good" is the answer to the question."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    def good(self) -> None:
        """The right answer."""
        self.handler.answer(200, json.dumps(self.handler.told()).encode())

    def slow(self) -> None:
        """The right answer, a fifth of a second later."""
        time.sleep(0.2)
        self.good()

    def closing(self) -> None:
        """The right answer, and the end of the connection, unannounced."""
        self.good()
        self.handler.close_connection = True

    def old(self) -> None:
        """The right answer without its length."""
        self.handler.head(200, {})
        self.handler.wfile.write(json.dumps(self.handler.told()).encode())
        self.handler.close_connection = True

    def chunked(self) -> None:
        """The right answer in chunks of seven bytes."""
        self.handler.head(200, {"Transfer-Encoding": "chunked"})
        body = json.dumps(self.handler.told()).encode()
        for start in range(0, len(body), 7):
            part = body[start : start + 7]
            self.handler.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.handler.wfile.write(b"0\r\n\r\n")

    def hang(self) -> None:
        """No answer for a minute, or for as long as somebody waits for it."""
        select.select([self.handler.connection], [], [], 60)
        self.handler.close_connection = True

    def drip(self) -> None:
        """The right answer, one byte a second."""
        body = json.dumps(self.handler.told()).encode()
        self.handler.head(200, {"Content-Length": str(len(body))})
        self.trickle(body)

    def drip_old(self) -> None:
        """The same, without its length."""
        self.handler.head(200, {})
        self.trickle(json.dumps(self.handler.told()).encode())

    def drip_head(self) -> None:
        """Headers, one byte a second."""
        self.handler.begin()
        self.trickle(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 600)

    def huge(self) -> None:
        """100 MiB that begin as an answer, announced."""
        self.handler.head(200, {"Content-Length": str(LONG)})
        self.flood()

    def endless(self) -> None:
        """The same, unannounced."""
        self.handler.head(200, {})
        self.flood()

    def nan(self) -> None:
        """A confidence that is no number."""
        self.handler.answer(200, b'[{"phrase": "low", "time": 0, "confidence": NaN}]')

    def nonsense(self) -> None:
        """No JSON."""
        self.handler.answer(200, b"<html>all is well</html>")

    def cut(self) -> None:
        """Half of an answer."""
        self.handler.head(200, {"Content-Length": "500"})
        self.handler.wfile.write(b'[{"phrase": "low"')
        self.handler.close_connection = True

    def packed(self) -> None:
        """A compressed answer, which nobody asked for."""
        self.handler.head(200, {"Content-Encoding": "gzip", "Content-Length": "2"})
        self.handler.wfile.write(b"[]")

    def elsewhere(self) -> None:
        """A redirect to itself."""
        self.handler.head(302, {"Location": "/api/detect/low/x", "Content-Length": "0"})

    def busy(self) -> None:
        """429 with a time to wait."""
        self.handler.head(429, {"Retry-After": "1", "Content-Length": "0"})

    def reset(self) -> None:
        """The end of the connection instead of an answer."""
        self.handler.close_connection = True

    def status(self, number: int) -> None:
        """Any status."""
        self.handler.answer(number, b'{"detail": "no"}')

    def says(self, body: str) -> None:
        """Any answer."""
        self.handler.answer(200, body.encode())

    def trickle(self, data: bytes) -> None:
        """One byte a second."""
        for place in range(len(data)):
            self.handler.wfile.write(data[place : place + 1])
            time.sleep(1)
        self.handler.close_connection = True

    def flood(self) -> None:
        """As much as there is to be."""
        self.handler.wfile.write(b"[")
        for _ in range(LONG >> 16):
            self.handler.wfile.write(b" " * (1 << 16))
        self.handler.close_connection = True


class World:
    """What the threads of the process share."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.mood: list[Any] = ["good"]
        self.left = -1  # questions that the mood is for; then it is good again
        self.requests: list[dict[str, Any]] = []
        self.now = self.most = self.connections = 0

    def enter(self, seen: dict[str, Any]) -> list[Any]:
        """Another request: how it is to be treated."""
        with self.lock:
            self.requests.append(seen)
            self.now += 1
            self.most = max(self.most, self.now)
            if self.left == 0:
                self.mood, self.left = ["good"], -1
            self.left -= self.left > 0
            return self.mood

    def leave(self) -> None:
        """The request is done with."""
        with self.lock:
            self.now -= 1


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    world: World
    waiting = False

    def setup(self) -> None:
        super().setup()
        with self.world.lock:
            self.world.connections += 1

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""

    def do_GET(self) -> None:
        """A question."""
        self.serve(b"")

    def do_POST(self) -> None:
        """A question, or a word about how to treat the next ones."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/mood":
            told = json.loads(body)
            with self.world.lock:
                self.world.mood, self.world.left = told["mood"], told["times"]
                self.world.requests, self.world.most, self.world.connections = [], 0, 0
            return self.answer(200, b"{}")
        if self.path == "/seen":
            with self.world.lock:
                seen = {"requests": self.world.requests, "most": self.world.most, "now": self.world.now}
                seen["connections"] = self.world.connections
            return self.answer(200, json.dumps(seen).encode())
        return self.serve(body)

    def serve(self, body: bytes) -> None:
        """Treats a question as the mood has it."""
        self.asked = body
        seen = {"method": self.command, "target": self.path, "body": body.decode(), "headers": dict(self.headers)}
        name, *arguments = self.world.enter(seen)
        self.waiting = True
        try:
            getattr(Moods(self), name)(*arguments)
        except ConnectionError:
            self.close_connection = True
        finally:
            self.begin()

    def begin(self) -> None:
        """From its first byte on an answer is none that is waited for: who asked may ask the next question meanwhile."""
        if self.waiting:
            self.waiting = False
            self.world.leave()

    def told(self) -> Any:
        """The answer: confidence 0.5 in the label that is asked at second 0, or in all, and twice the weight of rows."""
        parts = urlsplit(self.path)
        if parts.path == "/rows":
            return {"outputs": {"probabilities": [2 * one for one in json.loads(self.asked)["inputs"]["CARAT"]]}}
        if parts.path == "/all":
            labels = ["low", "high"]
        else:
            words = [unquote(part) for part in parts.path.split("/")]
            labels = [words[3] or dict(parse_qsl(parts.query))["utterance"]]
        return [{"phrase": label, "time": 0, "confidence": 0.5} for label in labels]

    def head(self, status: int, headers: dict[str, str]) -> None:
        """Status and headers."""
        self.begin()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def answer(self, status: int, body: bytes) -> None:
        """A whole answer."""
        self.head(status, {"Content-Length": str(len(body)), "Content-Type": "application/json"})
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Threads that end with the process."""

    daemon_threads = True
    request_queue_size = 128


@dataclass
class Endpoint:
    """The running process, as a test speaks to it."""

    process: subprocess.Popen[bytes]
    port: int
    encrypted: bool = False

    def mood(self, *told: Any, times: int = -1) -> None:
        """From now on, or so many times, it treats questions so; what was seen is forgotten."""
        self._speak("/mood", {"mood": list(told), "times": times})

    @property
    def seen(self) -> dict[str, Any]:
        """The requests since the mood was told, the most at one time, those at this moment, and the connections."""
        found: dict[str, Any] = self._speak("/seen", {})
        return found

    def _speak(self, path: str, told: Any) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        if self.encrypted:
            anybody = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=anybody)
        try:
            connection.request("POST", path, json.dumps(told).encode())
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


@contextmanager
def listening(*, certificate: Path | None = None, port: int = 0) -> Iterator[Endpoint]:
    """The process, for the length of a block; encrypted with a certificate and its key in one file."""
    command = [sys.executable, "-m", "tests.endpoint", str(port), str(certificate or "")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    try:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], READY_S)
        line = process.stdout.readline() if ready else b""
        assert line.strip().isdigit(), f"the endpoint did not start: {line!r}"
        yield Endpoint(process, int(line), certificate is not None)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def main(port: int, certificate: str) -> None:
    """Listens until it is killed."""
    handler = type("Bound", (Handler,), {"world": World()})
    server = Server(("127.0.0.1", port), handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever(0.05)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
