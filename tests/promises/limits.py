"""The documented limits, which trial claims which of them, and a client that knows what the kernel holds of its bytes."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tests.promises.servers import Answer, Server, parse

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "limits.md"
ROW = re.compile(r"^\| `(?P<name>[a-z-]+)` \| (?P<cells>.+) \|$", re.MULTILINE)
TrialT = TypeVar("TrialT", bound=Callable[..., Any])


@dataclass(frozen=True)
class Limit:
    """One row of the page: what is limited, the number, what sets it (empty where nothing does by name), what is beyond."""

    what: str
    number: int
    source: str
    beyond: str


@cache
def documented() -> dict[str, Limit]:
    """Every row of the page, by its name."""
    found: dict[str, Limit] = {}
    for row in ROW.finditer(PAGE.read_text(encoding="utf-8")):
        what, number, source, beyond = row["cells"].split(" | ")
        assert row["name"] not in found, f"{row['name']} stands twice"
        found[row["name"]] = Limit(what, int(number.replace(",", "")), source.strip("`–"), beyond)
    return found


def limit(name: str) -> int:
    """The documented number."""
    return documented()[name].number


def tries(*names: str) -> Callable[[TrialT], TrialT]:
    """Claims rows of the page for a trial, which goes to each limit and one past it."""

    def claim(trial: TrialT) -> TrialT:
        trial.tries = names  # type: ignore[attr-defined]  # a function takes any attribute
        return trial

    return claim


@dataclass(frozen=True)
class Held:
    """Bytes of one direction of a connection that the kernel holds: sent and not taken over, arrived and not read."""

    unsent: int
    unread: int

    @property
    def both(self) -> int:
        """All of them."""
        return self.unsent + self.unread


def held(sender: int, receiver: int) -> Held:
    """What the kernel holds of the bytes from one port of this machine to another."""
    there = {(local, remote): queues for local, remote, queues, _ in _sockets()}
    return Held(there[sender, receiver][0], there[receiver, sender][1])


def connected(port: int) -> int:
    """How many connections a server on this port has open, or has not noticed yet to be closed."""
    return sum(local == port and state in ("01", "08") for local, _, _, state in _sockets())


def until(true: Callable[[], Any], what: str, timeout_s: float = 15.0) -> None:
    """Looks until it is so; raises AssertionError where it never is."""
    over = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < over, what
        time.sleep(0.005)


def settled(look: Callable[[], int]) -> int:
    """What is seen once it stays the same, for longer than the kernel holds an acknowledgement back."""
    seen = [look()]
    while len(seen) < 4 or len(set(seen[-4:])) > 1:
        assert len(seen) < 200, "it does not settle"
        time.sleep(0.05)
        seen.append(look())
    return seen[-1]


@contextmanager
def connection(server: Server) -> Iterator[socket.socket]:
    """A connection of one's own."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as made:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield made


def head(path: str, *lines: str, method: str = "POST", kind: str = "application/json") -> bytes:
    """The head of a request."""
    told = [f"{method} {path} HTTP/1.1", "Host: localhost", *([f"Content-Type: {kind}"] * (method == "POST")), *lines]
    return ("\r\n".join(told) + "\r\n\r\n").encode()


def answers(client: socket.socket, count: int) -> list[Answer]:
    """The next answers on a connection."""
    data = bytearray()
    while len(found := parse(bytes(data))) < count or not _whole(found, data):
        chunk = client.recv(1 << 20)
        if not chunk:
            break
        data += chunk
    return parse(bytes(data))


def read_by(server: Server, client: socket.socket) -> bool:
    """Whether the server has read whatever was sent."""
    return held(client.getsockname()[1], server.port).both == 0


def _whole(found: Sequence[Answer], data: bytearray) -> bool:
    return len(found[-1].body) == int(found[-1].headers.get("content-length", "0")) if found else not data


def _sockets() -> list[tuple[int, int, tuple[int, int], str]]:
    """Local port, remote port, bytes to send and to read, and state, of every connection of this machine."""
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        local, remote = (int(words[place].rpartition(":")[2], 16) for place in (1, 2))
        to_send, _, to_read = words[4].partition(":")
        found.append((local, remote, (int(to_send, 16), int(to_read, 16)), words[3]))
    return found
