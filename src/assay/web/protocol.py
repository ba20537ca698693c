"""The HTTP parser's side of the door: limits on what a connection may send, and for how long it may take."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, HttpToolsProtocol

from assay.clock import new_id, ticks_us
from assay.web.problems import Problem
from assay.web.requests import TOGETHER, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_HEAD_BYTES = 32_768
MAX_HEADERS = 100
SLICE_BYTES, BODY_SLICE_BYTES = 4_096, 65_536
PACE_BYTES = 1 << 20  # for each so many of a body, a client has the time that a body may take
WRITE_TIMEOUT_US = 60_000_000
KEEP_ALIVE_US = 75_000_000
SWEEP_S = 1.0
_BODILESS = (204, 304)
_ABOUT_THE_CONNECTION = (b"connection", b"transfer-encoding")
_REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


class Flow(FlowControl):
    """A connection's flow, which uvicorn resumes for each request: `held`, it stays paused all the same."""

    held = False

    def resume_reading(self) -> None:
        """Reads on, unless enough has been read for now."""
        if not self.held:
            super().resume_reading()


class Paced(HttpToolsProtocol):
    """uvicorn's protocol, but of requests that are sent ahead no more are read than a slice has: the others wait as bytes.

    As objects they would take a hundred times as much memory, and the time of everybody else to make them.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A new connection, of which nothing was read."""
        super().connection_made(transport)
        self._unread = b""
        self.flow: Flow = Flow(transport)  # type: ignore[mutable-override]  # ours knows when it is held

    def data_received(self, data: bytes) -> None:
        """Reads what came, as far as nobody waits for an answer; the rest later."""
        self._unread = self._unread + data if self._unread else data
        self.read_on()

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's own lets the transport close at once
        """The client sends no more, and may still read: what it has asked in full is answered, then we close too."""
        last = self.pipeline[0][0] if self.pipeline else self.cycle
        if last is None or last.response_complete or last.more_body:
            return False
        last.keep_alive = False
        return True

    def read_on(self) -> None:
        """Reads slice after slice until requests wait for others' answers, or nothing is left."""
        while self._unread and not self.pipeline and not self.transport.is_closing():
            size = BODY_SLICE_BYTES if self.cycle is not None and self.cycle.more_body else SLICE_BYTES
            data, self._unread = self._unread[:size], self._unread[size:]
            self.take(data)
        self.flow.held = not self.transport.is_closing() and bool(self._unread or self.pipeline)
        if self.flow.held:
            self.flow.pause_reading()

    def take(self, data: bytes) -> None:
        """Parses a slice."""
        super().data_received(data)


class WholeAnswers(Paced):
    """uvicorn's protocol, but an answer that is whole leaves in one write, and none starts a timer."""

    _idle_since_us: int

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A new connection: who answers on it may do so with one call."""
        self._extensions: dict[str, dict[object, object]] = {TOGETHER: {"send": self.together}}
        super().connection_made(transport)

    def together(self, scope: Scope, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        """Sends a whole answer in one write, where uvicorn's cycle makes two; False, and nothing is sent, where it has to."""
        cycle = self.cycle
        if cycle is None or cycle.scope is not scope or cycle.response_started or cycle.disconnected:
            return False
        if status not in STATUS_LINE or status in _BODILESS or self.flow.write_paused or self.transport.is_closing():
            return False
        parts = [STATUS_LINE[status]]
        for name, value in (*cycle.default_headers, *headers):
            if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value) or name.lower() in _ABOUT_THE_CONNECTION:
                return False
            parts += (name, b": ", value, b"\r\n")
        parts += (b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n", body)
        cycle.response_started = cycle.response_complete = True
        self.transport.write(b"".join(parts))
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True

    def on_response_complete(self) -> None:
        """As uvicorn's own, but without a timer for each answer: whose connection stays idle, `sweep` sees."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle_since_us = ticks_us()
        if self.flow.held:
            self.read_on()
        self.flow.resume_reading()


class GuardedProtocol(WholeAnswers):
    """The same with bounds. Only counters are kept per request; one sweep a second looks at the clocks."""

    header_timeout_us: ClassVar[int]
    body_timeout_us: ClassVar[int]
    max_connections: ClassVar[int]
    closing: ClassVar[bool] = False  # whether each answer is the last of its connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A new connection: its first request may take as long as any other."""
        self._head_bytes = self._body_bytes = self._beside_bytes = 0
        self._in_head = True
        self._since_us = ticks_us()
        self._stuck_us = 0
        self._idle_since_us = 0
        self._slice_bytes = 0
        self._refused = False
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self.refuse(503, "too_many_connections", "The server has as many connections as it accepts.")

    def take(self, data: bytes) -> None:
        """Counts the bytes of a head that is not complete yet, and those that come with a body and are none of it."""
        self._slice_bytes = len(data)
        if not self._in_head:
            self._beside_bytes += len(data)
        elif self._head_bytes:
            self._head_bytes += len(data)
        if self.flow.held and self._since_us:  # it was not the client who was slow
            self._since_us = ticks_us()
        super().take(data)
        # a trailer, or the extension of a chunk, is kept or parsed by nobody who would bound it
        if (self._head_bytes - SLICE_BYTES if self._in_head else self._beside_bytes) > MAX_HEAD_BYTES:
            self.refuse(431, "headers_too_large", "The headers are longer than 32 KiB.")

    def on_message_begin(self) -> None:
        """A head begins: somewhere in this slice, of which all may be its own."""
        self._head_bytes = self._slice_bytes
        self._since_us, self._idle_since_us = ticks_us(), 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; what comes after the body (a trailer) is not one, and could otherwise take a header's place."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Refuses what two readers could understand differently, before anything is answered."""
        self._in_head = False
        if self._refused:
            return
        # the bytes received are more than the head's own: only where they are many is it measured
        if len(self.headers) > MAX_HEADERS or (
            self._head_bytes > MAX_HEAD_BYTES and _size(self.url, self.headers) > MAX_HEAD_BYTES
        ):
            self.refuse(431, "headers_too_large", "A request carries at most 100 headers in 32 KiB.")
            return
        self.begin()

    def begin(self) -> None:
        """What becomes of a request whose head is short enough: uvicorn's own way, if it is clear whom it is for."""
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() != "1.0"):
            self.refuse(400, "bad_framing", "A request names exactly one host.")
        else:
            before = self.cycle
            self.scope["extensions"] = self._extensions
            super().on_headers_complete()
            if self.closing:
                _make_last(self.cycle, before)

    def complete(self) -> None:
        """What becomes of it once its body is there."""
        if self.cycle is not None and not self._refused:
            super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body; of a refused request nothing is kept."""
        self._body_bytes += len(body)
        self._beside_bytes = 0
        if self._body_bytes >= PACE_BYTES:  # a long body may take its time, as long as it goes on coming
            self._body_bytes, self._since_us = 0, ticks_us()
        if self.cycle is not None and not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole; the next one starts its own clock."""
        self._in_head = True
        self._head_bytes = self._body_bytes = self._beside_bytes = 0
        self._since_us = 0
        self.complete()

    def send_400_response(self, msg: str) -> None:
        """uvicorn's word for a request that is not HTTP."""
        self.refuse(400, "bad_framing", "The request is not well-formed HTTP.")

    def refuse(self, status: int, code: str, detail: str) -> None:
        """Says why, and closes: after bad framing nobody knows where the next request begins."""
        if self.transport is None or self.transport.is_closing() or self._refused:
            return
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body:
            self.cycle.keep_alive = False  # who asked before is answered first; then the connection ends
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

    def shutdown(self) -> None:
        """What is being answered is the last on this connection. An idle one stays: its client may be asking right now."""
        cycle = self.cycle
        begun = cycle is None or cycle.response_complete or getattr(cycle, "response_started", False)
        if not begun:  # who has been promised a connection that stays, is told with the next answer
            cycle.keep_alive = False


def _make_last(cycle: Any, before: Any) -> None:
    if before is not None and not before.response_complete:
        before.keep_alive = True  # asked on one connection one after the other: the last of them ends it
    cycle.keep_alive = False


def _size(url: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers)


def is_idle(connection: Any) -> bool:
    """Whether nothing is asked on one of our connections, and nothing has begun to be."""
    answered = connection.cycle is None or connection.cycle.response_complete
    return bool(answered and connection._in_head and not connection._head_bytes)


def _end_overdue(connection: GuardedProtocol, now_us: int) -> None:
    """Ends a connection whose request, or whose reading of our answer, takes too long."""
    if connection.flow is not None and connection.flow.write_paused:
        connection._stuck_us = connection._stuck_us or now_us
        if now_us - connection._stuck_us > WRITE_TIMEOUT_US:
            connection.transport.abort()
        return
    connection._stuck_us = 0
    if connection.flow.held:  # it is we who read no further
        return
    waiting = connection.cycle is not None and not connection.cycle.response_complete and not connection.cycle.more_body
    if waiting:
        return
    if not connection._since_us:
        if connection._idle_since_us and now_us - connection._idle_since_us > KEEP_ALIVE_US:
            connection.transport.close()
        return
    limit = connection.header_timeout_us if connection._in_head else connection.body_timeout_us
    if now_us - connection._since_us > limit:
        connection.refuse(408, "request_timeout", "The request did not arrive in time.")


async def sweep(connections: Iterable[Any]) -> None:
    """Looks at every connection's clock, for ever."""
    while True:
        await asyncio.sleep(SWEEP_S)
        now = ticks_us()
        for connection in list(connections):
            if isinstance(connection, GuardedProtocol):
                _end_overdue(connection, now)
