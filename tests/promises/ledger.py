"""The ledger client: asks over many connections, and writes down on disk every answer that has arrived in full."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.promises.servers import STONE

READ_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Asked:
    """A request that is about to be sent."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """One answer that arrived to its last byte: what was sent, what came back, and the names under which it is recorded."""

    path: str
    sent: str  # sha256 of the request's body
    status: int
    got: str  # sha256 of the response's body
    exchange: str
    version: int | None
    predictions: tuple[str, ...]
    values: tuple[float, ...]
    server: int
    key: str | None = None


class Ledger:
    """A file of acknowledged answers; each is synced before the next request of its connection is sent."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, answer: Acknowledged) -> None:
        """Writes the answer down for good."""
        os.write(self._handle, json.dumps(asdict(answer)).encode() + b"\n")
        os.fdatasync(self._handle)

    def entries(self) -> list[Acknowledged]:
        """Everything written down so far."""
        lines = [json.loads(line) for line in self.path.read_text().splitlines()]
        return [
            Acknowledged(**(line | {"predictions": tuple(line["predictions"]), "values": tuple(line["values"])}))
            for line in lines
        ]

    def close(self) -> None:
        """Gives the file back."""
        os.close(self._handle)


class Load:
    """Connections that ask one thing after the other, without retries, until told to stop or the server is gone.

    A connection that the server closes after an answer is made anew. With `pause_s` each connection waits so long before it
    asks again, and `dawdle_s` is how long some requests wait in the middle of their body.
    """

    def __init__(
        self, port: int, ledger: Ledger, make: Callable[[random.Random], Asked], *, server: int = 0, seed: int = 0,
        pause_s: float = 0.0, dawdle_s: float = 0.0,
    ) -> None:  # fmt: skip
        self.failures: list[str] = []
        self.answered = 0
        self.closed = 0  # connections, by an answer that said so
        self.refused_at: list[float] = []
        self._pause_s = pause_s
        self._dawdle_s = dawdle_s
        self._port = port
        self._ledger = ledger
        self._make = make
        self._server = server
        self._seed = seed
        self._stopping = False

    async def run(self, connections: int, *, seconds: float | None = None, count: int | None = None) -> None:
        """Until the time is over, `count` answers came, or every connection has ended."""
        ends = time.monotonic() + seconds if seconds is not None else None
        left = iter(range(count)) if count is not None else None
        async with asyncio.TaskGroup() as group:
            for one in range(connections):
                group.create_task(self._connection(random.Random(self._seed * 1000 + one), ends, left))

    def stop(self) -> None:
        """After the answers that are under way."""
        self._stopping = True

    async def _connection(self, draw: random.Random, ends: float | None, left: Any) -> None:
        try:
            while not self._over(ends, left):
                await self._conversation(draw, ends, left)
        except ConnectionRefusedError as refused:
            self.refused_at.append(time.monotonic())
            self.failures.append(f"refused: {refused}")
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError) as gone:
            self.failures.append(f"{type(gone).__name__}: {gone}")

    async def _conversation(self, draw: random.Random, ends: float | None, left: Any) -> None:
        """One connection, until an answer says that it is closed, or nothing more is to be asked."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while True:
                asked = self._make(draw)
                await self._send(writer, request_bytes(asked), draw)
                status, headers, body = await asyncio.wait_for(response(reader), READ_TIMEOUT_S)
                self._ledger.note(acknowledged(asked, status, headers, body, self._server))
                self.answered += 1
                if self._pause_s:
                    await asyncio.sleep(draw.uniform(0.5, 1.5) * self._pause_s)
                if headers.get("connection") == "close":
                    self.closed += 1
                    return
                if self._over(ends, left):
                    return
        finally:
            writer.close()

    def _over(self, ends: float | None, left: Any) -> bool:
        late = self._stopping or (ends is not None and time.monotonic() >= ends)
        return late or (left is not None and next(left, None) is None)

    async def _send(self, writer: asyncio.StreamWriter, data: bytes, draw: random.Random) -> None:
        if not self._dawdle_s or draw.random() > 0.05:
            writer.write(data)
            return
        writer.write(data[:-5])
        await asyncio.sleep(draw.uniform(0.1, 1.0) * self._dawdle_s)
        writer.write(data[-5:])


def request_bytes(asked: Asked) -> bytes:
    """The request as it goes over the wire."""
    headers = {
        "Host": "127.0.0.1",
        "Content-Type": "application/json",
        "Content-Length": str(len(asked.body)),
        **asked.headers,
    }
    head = f"POST {asked.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return head.encode() + b"\r\n" + asked.body


async def response(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One whole response; raises IncompleteReadError where it is cut off."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return int(head[0].split(" ")[1]), headers, await reader.readexactly(int(headers["content-length"]))


def acknowledged(asked: Asked, status: int, headers: Mapping[str, str], body: bytes, server: int) -> Acknowledged:
    """The entry of one answer."""
    told = json.loads(body) if status == 200 else []
    answers = told if isinstance(told, list) else [told]
    versions = {one["version"] for one in answers if "version" in one}
    assert len(versions) <= 1, f"one response names several versions: {versions}"
    return Acknowledged(
        path=asked.path, sent=sha256(asked.body).hexdigest(), status=status, got=sha256(body).hexdigest(),
        exchange=headers["x-request-id"], version=next(iter(versions), None), server=server, key=asked.headers.get("Idempotency-Key"),
        predictions=tuple(one.get("id") or one.get("prediction_id") for one in answers),
        values=tuple(one["prediction"] if "prediction" in one else one["price"] for one in answers),
    )  # fmt: skip


def mixed(draw: random.Random) -> Asked:
    """What the load consists of: mostly single questions, some lists, some of the application's own route, some refused."""
    kind = draw.random()
    if kind < 0.75:
        return Asked("/v1/models/stones/predict", json.dumps(stone(draw)).encode())
    if kind < 0.88:
        return Asked(
            "/v1/models/stones/predict", json.dumps([stone(draw) for _ in range(draw.randint(1, 60))]).encode()
        )
    if kind < 0.94:
        return Asked("/price", json.dumps(stone(draw)).encode())
    return Asked("/v1/models/stones/predict", json.dumps(stone(draw) | {"carat": -1}).encode())


def single(draw: random.Random) -> Asked:
    """One question."""
    return Asked("/v1/models/stones/predict", json.dumps(stone(draw)).encode())


def stone(draw: random.Random) -> dict[str, Any]:
    """A stone of its own."""
    return STONE | {"carat": round(draw.uniform(0.2, 3), 6), "depth": round(draw.uniform(50, 70), 3)}
