"""The real door on a real server in a thread of this process, and a client that reads what comes back."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from assay.app import Assay
from assay.domain.exchange import Exchange
from assay.web.control import make_control
from assay.web.door import Door
from assay.web.express import Express, ExpressProtocol, guarded
from assay.web.process import Process
from assay.web.server import bind
from assay.web.worker import Server
from tests import tiny

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def id(self) -> str:
        """The request's id."""
        return self.headers["x-request-id"]


class Running:
    """A server under test."""

    def __init__(self, assay: Assay, process: Process, port: int, protocol: type[ExpressProtocol]) -> None:
        self.assay = assay
        self.process = process
        self.port = port
        self.protocol = protocol

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The server's event loop, in a thread of its own."""
        return self.process.shelf.find("stone").lane._loop

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request on a connection of its own; a body that is no bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            told = dict(headers if headers is not None else JSON if data is not None else {})
            connection.request(method, path, data, told)
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, response.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        """A GET."""
        return self.ask("GET", path)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """A POST of JSON with more headers, spelt with underscores."""
        return self.ask("POST", path, body, JSON | {name.replace("_", "-"): value for name, value in headers.items()})

    def predict(self, body: Any = tiny.QUESTION, **headers: str) -> Answer:
        """A question to the ruling version."""
        return self.post("/v1/models/stone/predict", body, **headers)

    def recorded(self, answer: Answer) -> Exchange:
        """The exchange of an answer."""
        found = self.assay.exchanges.find(answer.id)
        assert found is not None, "the exchange was not recorded"
        return found


@contextmanager
def serving(
    home: Path, *, api: Callable[[Process], Any] = make_control,
    opened: Callable[..., AbstractContextManager[Assay]] = tiny.opened, **told: Any,
) -> Iterator[Running]:  # fmt: skip
    """The tiny application, or another, trained and served until the block ends."""
    with opened(home, **({"poll_interval_s": 0.02} | told)) as assay:
        process = Process(assay)
        listening = bind("127.0.0.1", 0)
        port = listening.getsockname()[1]
        protocol = guarded(Express(process.shelf, assay.settings, port), assay.settings)
        config = uvicorn.Config(
            Door(process, api), http=protocol, ws="none", loop="uvloop", lifespan="on", access_log=False,
            log_level="error", server_header=False, proxy_headers=False,
        )  # fmt: skip
        server = Server(config, process, protocol)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        eventually(lambda: server.started or not thread.is_alive())
        try:
            assert server.started
            yield Running(assay, process, port, protocol)
        finally:
            server.should_exit = True
            thread.join(30)
            listening.close()


def eventually(holds: Callable[[], Any], timeout_s: float = 20) -> None:
    """Waits until it holds."""
    until = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.01)
