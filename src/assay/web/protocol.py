"""The HTTP parser's side of the door: limits on what a connection may send, and for how long it may take."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from assay.clock import new_id, ticks_us
from assay.serving.served import Served
from assay.web.express import Express, ExpressAsk
from assay.web.problems import Problem
from assay.web.requests import Captured

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_HEAD_BYTES = 32_768
MAX_HEADERS = 100
WRITE_TIMEOUT_US = 60_000_000
KEEP_ALIVE_US = 75_000_000
SWEEP_S = 1.0
_REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds. Only counters are kept per request; one sweep a second looks at the clocks."""

    express: ClassVar[Express]
    header_timeout_us: ClassVar[int]
    body_timeout_us: ClassVar[int]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A new connection: its first request may take as long as any other."""
        self._head_bytes = 0
        self._in_head = True
        self._since_us = ticks_us()
        self._stuck_us = 0
        self._idle_since_us = 0
        self._asked: Served | None = None
        self._body = b""
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Counts the bytes of a head that is not complete yet."""
        if self._in_head:
            if not self._head_bytes:
                self._since_us, self._idle_since_us = ticks_us(), 0
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES and self.transport is not None:
            self.refuse(431, "headers_too_large", "The headers are longer than 32 KiB.")

    def on_message_begin(self) -> None:
        """A request's first line."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """Refuses what two readers could understand differently, before anything is answered."""
        self._in_head = False
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if len(self.headers) > MAX_HEADERS or size > MAX_HEAD_BYTES:
            self.refuse(431, "headers_too_large", "A request carries at most 100 headers in 32 KiB.")
            return
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() != "1.0"):
            self.refuse(400, "bad_framing", "A request names exactly one host.")
            return
        self._asked = self._express()
        if self._asked is None:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body; of a refused request nothing is kept."""
        if self._asked is not None:
            self._body += body
            if len(self._body) > HIGH_WATER_LIMIT:
                self._by_the_door(complete=False)
        elif self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole; the next one starts its own clock."""
        self._in_head = True
        self._head_bytes = 0
        self._since_us = 0
        if self._asked is not None:
            ask = self.express.take(self._asked, self._body, self._answer)
            if ask is None:
                self._by_the_door(complete=True)
            else:
                self._asked, self._body = None, b""
                self.cycle = ask  # type: ignore[assignment]  # it has all that uvicorn looks at
        elif self.cycle is not None:
            super().on_message_complete()

    def _express(self) -> Served | None:
        """The model asked, where this request may take the express lane: an earlier one must not be waiting."""
        if self.parser.get_method() != b"POST" or self.parser.get_http_version() != "1.1":
            return None
        if (self.cycle is not None and not self.cycle.response_complete) or not self.parser.should_keep_alive():
            return None
        return self.express.served(self.url, self.headers)

    def _by_the_door(self, *, complete: bool) -> None:
        """Hands a request that was being held for the express lane to uvicorn, as if it had come just now."""
        body, self._asked, self._body = self._body, None, b""
        super().on_headers_complete()
        super().on_body(body)
        if complete:
            super().on_message_complete()

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
        named = (
            f"content-type: application/json\r\ncache-control: no-store\r\nx-model-name: {version.model}\r\n"
            f"x-model-version: {version.number}\r\nx-request-id: {ask.exchange}\r\n"
        )
        self._finish(ask, b"HTTP/1.1 200 OK\r\n", named.encode(), ask.response)

    async def _ask_again(self, ask: ExpressAsk) -> None:
        captured = Captured(ask.body)
        await self.app(ask.scope(), captured.receive, captured.send)
        headers = b"".join(name + b": " + value + b"\r\n" for name, value in captured.headers)
        self._finish(ask, b"HTTP/1.1 %d \r\n" % captured.status, headers, b"".join(captured.body))

    def _finish(self, ask: ExpressAsk, status: bytes, headers: bytes, body: bytes) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        head = status
        for name, value in self.server_state.default_headers:
            head += name + b": " + value + b"\r\n"
        closing = b"" if ask.keep_alive else b"connection: close\r\n"
        self.transport.write(head + headers + closing + b"content-length: %d\r\n\r\n" % len(body) + body)
        ask.response_complete = True
        self.server_state.total_requests += 1
        if not ask.keep_alive:
            self.transport.close()
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle_since_us = ticks_us()

    def send_400_response(self, msg: str) -> None:
        """uvicorn's word for a request that is not HTTP."""
        self.refuse(400, "bad_framing", "The request is not well-formed HTTP.")

    def refuse(self, status: int, code: str, detail: str) -> None:
        """Says why, and closes: after bad framing nobody knows where the next request begins."""
        if self.transport is None or self.transport.is_closing():
            return
        reason = _REASONS[status]
        body = msgspec.json.encode(
            Problem(type="about:blank", title=reason, status=status, detail=detail, instance=new_id(), code=code)
        )
        head = (
            f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    def overdue(self, now_us: int) -> None:
        """Ends a connection whose request, or whose reading of our answer, takes too long."""
        if self.flow is not None and self.flow.write_paused:
            self._stuck_us = self._stuck_us or now_us
            if now_us - self._stuck_us > WRITE_TIMEOUT_US:
                self.transport.abort()
            return
        self._stuck_us = 0
        waiting = self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body
        if waiting:
            return
        if not self._since_us:
            if self._idle_since_us and now_us - self._idle_since_us > KEEP_ALIVE_US:
                self.transport.close()
            return
        limit = self.header_timeout_us if self._in_head else self.body_timeout_us
        if now_us - self._since_us > limit:
            self.refuse(408, "request_timeout", "The request did not arrive in time.")


def guarded(express: Express, *, header_timeout_s: float, body_timeout_s: float) -> type[GuardedProtocol]:
    """The protocol of one process, with its express lane and its clocks."""
    facts = {
        "express": express, "header_timeout_us": int(header_timeout_s * 1e6), "body_timeout_us": int(body_timeout_s * 1e6)
    }  # fmt: skip
    return type("Guarded", (GuardedProtocol,), facts)


async def sweep(connections: Iterable[Any]) -> None:
    """Looks at every connection's clock, for ever."""
    while True:
        await asyncio.sleep(SWEEP_S)
        now = ticks_us()
        for connection in list(connections):
            if isinstance(connection, GuardedProtocol):
                connection.overdue(now)
