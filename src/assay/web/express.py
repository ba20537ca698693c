"""The express lane: an ordinary question goes from the HTTP parser to its model's lane without a framework in between.

Only what is beyond doubt is taken: a POST to a predict address whose headers are all ordinary and whose body is a good
question. Everything else, and whatever fails on the way, takes the usual way through the door, which decides afresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container
from functools import lru_cache
from typing import ClassVar

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from assay.errors import AssayError
from assay.serving.served import Served
from assay.serving.shelf import Shelf
from assay.settings import Settings
from assay.web.asks.drawn import DrawnAsk, GoodSubjects
from assay.web.asks.ordinary import ExpressAsk
from assay.web.protocol import GuardedProtocol
from assay.web.requests import LOCAL_NAMES, SUBJECT, Captured

NEEDED = {b"host": 1, b"content-type": 100}
EACH_ONCE = 101
LENGTH_DIGITS = 5  # of a body that is short enough to be held back
HEADS_KEPT = 64
_NEVER: frozenset[bytes] = frozenset()
# Values of these headers that change nothing; any other value of them is for the door to judge.
ORDINARY: dict[bytes, frozenset[bytes]] = {
    b"content-type": frozenset((b"application/json",)),
    b"accept": frozenset((b"*/*", b"application/json")),
    b"connection": frozenset((b"keep-alive", b"Keep-Alive")),
    b"content-encoding": _NEVER, b"transfer-encoding": _NEVER, b"expect": _NEVER, b"upgrade": _NEVER,
    b"idempotency-key": _NEVER, b"prefer": _NEVER, b"authorization": _NEVER,
}  # fmt: skip
Headers = list[tuple[bytes, bytes]]


class Express:
    """Which requests of one process may take the express lane."""

    def __init__(self, shelf: Shelf, settings: Settings, port: int) -> None:
        self._shelf = shelf
        self._limit = settings.max_body_bytes
        names = [name.encode() for name in (*LOCAL_NAMES, *settings.allowed_hosts)]
        ports = [b"%s:%d" % (name, port) for name in names]
        self._checks: dict[bytes, Container[bytes]] = {
            **ORDINARY, b"host": frozenset((*names, *ports)), SUBJECT: GoodSubjects(),
        }  # fmt: skip
        self._last = False
        self._served: dict[bytes, Served] = {}
        self.heads = lru_cache(HEADS_KEPT)(head_of)

    def served(self, url: bytes, headers: Headers) -> Served | None:
        """The model that is asked, if the request's head is ordinary."""
        found = self._served.get(url) or self._find(url)
        if found is None:
            return None
        checks = self._checks
        needed = 0
        for name, value in headers:
            if name in checks:
                if value not in checks[name]:
                    return None
                needed += NEEDED.get(name, 0)
            elif name == b"content-length" and len(value) > LENGTH_DIGITS:
                return None
        return found if needed == EACH_ONCE else None

    def take(self, served: Served, body: bytes, answered: Callable[[ExpressAsk], None]) -> ExpressAsk | None:
        """Puts a good question into its model's lane; None where the door has to look at it."""
        version = served.alone  # none during an experiment
        if version is None or len(body) > self._limit:
            return None
        try:
            questions, single = version.reader.read(body)
            ask = ExpressAsk(version, questions, body, single=single, answered=answered)
            served.lane.submit(ask)
        except AssayError:
            return None
        return ask

    def draw(
        self, served: Served, body: bytes, headers: Headers, answered: Callable[[DrawnAsk], None]
    ) -> DrawnAsk | None:
        """The same during an experiment: the subject decides which version answers."""
        draw = served.draw
        if draw is None or len(body) > self._limit:
            return None
        told = next((value for name, value in reversed(headers) if name == SUBJECT), None)
        try:
            picked = draw.pick((body if told is None else told).decode())
            if picked.version.elsewhere:  # which must not be asked twice
                return None
            questions, single = picked.version.reader.read(body)
            ask = DrawnAsk(picked, questions, body, single=single, answered=answered)
            ask.subject, ask.keep_alive = told, not self._last
            served.lane.submit(ask)
        except (AssayError, UnicodeDecodeError):
            return None
        return ask

    def make_answers_last(self) -> None:
        """From now on each answer is the last of its connection; until then nothing on the way has to ask whether it is."""
        take, self._last = self.take, True

        def take_last(served: Served, body: bytes, answered: Callable[[ExpressAsk], None]) -> ExpressAsk | None:
            ask = take(served, body, answered)
            if ask is not None:
                ask.keep_alive = False
            return ask

        self.take = take_last  # type: ignore[method-assign]  # replaced once, so that it costs nothing before

    def _find(self, url: bytes) -> Served | None:
        for model, served in self._shelf.served.items():
            self._served[f"/v1/models/{model}/predict".encode()] = served
        return self._served.get(url)


class ExpressProtocol(GuardedProtocol):
    """The guarded protocol with the express lane."""

    express: ClassVar[Express]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A new connection, on which nothing is asked yet."""
        self._asked: Served | None = None
        self._body = b""
        super().connection_made(transport)

    def begin(self) -> None:
        """Holds a request that may take the express lane; every other one goes its usual way."""
        self._asked = self._express()
        if self._asked is None:
            super().begin()

    def on_body(self, body: bytes) -> None:
        """A part of the body; one that becomes long is not for the express lane."""
        if self._asked is None:
            super().on_body(body)
            return
        self._body += body
        self._beside_bytes = 0
        if len(self._body) > HIGH_WATER_LIMIT:
            self._by_the_door(complete=False)

    def complete(self) -> None:
        """The request is whole: into the lane with it, or by the door."""
        if self._asked is None:
            super().complete()
            return
        ask = self.express.take(self._asked, self._body, self._answer)
        if ask is None:
            ask = self.express.draw(self._asked, self._body, self.headers, self._answer_drawn)
        if ask is None:
            self._by_the_door(complete=True)
        else:
            self._asked, self._body = None, b""
            self.cycle = ask  # type: ignore[assignment]  # it has all that uvicorn looks at

    def _express(self) -> Served | None:
        """The model asked, where this request may take the express lane: an earlier one must not be waiting.

        Nor may answers be, for a client that does not read them: the usual way waits until it does.
        """
        if self.parser.get_method() != b"POST" or self.parser.get_http_version() != "1.1":
            return None
        if (self.cycle is not None and not self.cycle.response_complete) or self.flow.write_paused:
            return None
        if not self.parser.should_keep_alive():
            return None
        return self.express.served(self.url, self.headers)

    def _by_the_door(self, *, complete: bool) -> None:
        """Hands a request that was being held for the express lane to uvicorn, as if it had come just now."""
        body, self._asked, self._body = self._body, None, b""
        super().begin()
        super().on_body(body)
        if complete:
            super().complete()

    def _answer(self, ask: ExpressAsk) -> None:
        """Sends what the lane has answered, in one write."""
        if self.transport is None or self.transport.is_closing() or ask.disconnected:
            return
        if ask.error is not None:  # asked again through the door, which can say why and records it
            task = self.loop.create_task(self._ask_again(ask))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            return
        version = ask.version
        head = self.express.heads(version.model, version.number)
        self._finish(ask, head + b"x-request-id: %b\r\n" % ask.exchange.encode(), ask.response)

    def _answer_drawn(self, ask: DrawnAsk) -> None:
        """Sends what an arm has answered."""
        if ask.error is not None or ask.disconnected:
            self._answer(ask)
            return
        head = self.express.heads(ask.version.model, ask.version.number) + ask.variant
        self._finish(ask, head + b"x-request-id: %b\r\n" % ask.exchange.encode(), ask.response)

    async def _ask_again(self, ask: ExpressAsk) -> None:
        captured = Captured(ask.body)
        await self.app(ask.scope(), captured.receive, captured.send)
        headers = b"".join(name + b": " + value + b"\r\n" for name, value in captured.headers)
        self._finish(ask, b"HTTP/1.1 %d \r\n%b" % (captured.status, headers), b"".join(captured.body))

    def _finish(self, ask: ExpressAsk, head: bytes, body: bytes) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        for name, value in self.server_state.default_headers:
            head += name + b": " + value + b"\r\n"
        closing = b"" if ask.keep_alive else b"connection: close\r\n"
        self.transport.write(head + closing + b"content-length: %d\r\n\r\n" % len(body) + body)
        ask.response_complete = True
        if not ask.keep_alive:
            self.transport.close()
        self.on_response_complete()


def head_of(model: str, number: int) -> bytes:
    """The status line and those headers that every answer of a version carries."""
    named = (
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: no-store\r\n"
        f"x-model-name: {model}\r\nx-model-version: {number}\r\n"
    )
    return named.encode()


def guarded(express: Express, settings: Settings) -> type[ExpressProtocol]:
    """The protocol of one process, with its express lane and its limits."""
    facts = {
        "express": express,
        "header_timeout_us": int(settings.header_timeout_s * 1e6),
        "body_timeout_us": int(settings.body_timeout_s * 1e6),
        "max_connections": settings.max_connections,
    }
    return type("Guarded", (ExpressProtocol,), facts)
