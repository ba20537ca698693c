"""A client of tasks, as a program of its own: submits one, fetches its answer, checks that, and begins again.

`python -m bench.clients KIND PORT CONNECTIONS SECONDS FILE`: KIND is assay or celery, FILE has a line of JSON with `body` and
`price` for each question. It speaks plain HTTP on connections that stay open, so that it takes little of the machine itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

TOLERANCE = 0.05
POLL_S = 0.02
READ_S = 60.0


@dataclass(frozen=True)
class Way:
    """How a server is asked: what is posted where, and where the answer is."""

    post: bytes
    get: bytes
    waits: bool  # whether the server answers when the task has ended, and need not be asked again and again


WAYS = {
    "assay": Way(
        b"POST /v1/models/diamond-price/predict HTTP/1.1\r\nPrefer: respond-async\r\n",
        b"GET /v1/jobs/%b?wait=30",
        waits=True,
    ),
    "celery": Way(b"POST /tasks HTTP/1.1\r\n", b"GET /tasks/%b", waits=False),
}


@dataclass
class Found:
    """What came of it."""

    took: list[float] = field(default_factory=list)
    wrong: int = 0
    errors: int = 0


async def client(way: Way, port: int, asked: list[tuple[bytes, float]], until: float, found: Found) -> None:
    """One client, on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    place = 0
    while (began := time.perf_counter()) < until:
        body, price = asked[place % len(asked)]
        place += 1
        writer.write(
            way.post
            + b"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )
        status, answer = await asyncio.wait_for(response(reader), READ_S)
        if status != 202:
            found.errors += 1
            await asyncio.sleep(POLL_S)
            continue
        told = await fetched(way, reader, writer, json.loads(answer)["id"].encode())
        score = told["score"][0] if "score" in told else (told.get("result") or {}).get("prediction", float("nan"))
        found.wrong += not abs(score - price) <= TOLERANCE
        found.took.append(time.perf_counter() - began)
    writer.close()


async def fetched(way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, id: bytes) -> dict[str, Any]:
    """The task once it has ended."""
    while True:
        writer.write(way.get % id + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        _, answer = await asyncio.wait_for(response(reader), READ_S)
        told: dict[str, Any] = json.loads(answer)
        if told["state"] in ("succeeded", "failed", "SUCCESS", "FAILURE"):
            return told
        if not way.waits:
            await asyncio.sleep(POLL_S)


async def response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    at = head.lower().index(b"content-length:") + 15
    return int(head[9:12]), await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))


async def load(way: Way, port: int, connections: int, seconds: float, file: Path) -> None:
    """So many clients for so long; prints what came of it."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    asked = [(json.dumps(line["body"]).encode(), float(line["price"])) for line in lines]
    found, began = Found(), time.perf_counter()
    until = began + seconds
    await asyncio.gather(
        *(client(way, port, asked[start:] + asked[:start], until, found) for start in range(connections))
    )
    passed, took = time.perf_counter() - began, sorted(found.took) or [float("nan")]
    told = {
        "done": len(found.took), "wrong": found.wrong, "errors": found.errors, "seconds": passed,
        "p50_ms": took[len(took) // 2] * 1000, "p99_ms": took[int(len(took) * 0.99)] * 1000,
    }  # fmt: skip
    print(json.dumps(told))


if __name__ == "__main__":
    kind, port, connections, seconds, file = sys.argv[1:6]
    uvloop.run(load(WAYS[kind], int(port), int(connections), float(seconds), Path(file)))
