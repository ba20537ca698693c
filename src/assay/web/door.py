"""The front door: every request passes here, and none leaves before its exchange is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from assay.domain.question.reader import strict_json
from assay.errors import (
    AssayError,
    BodyTooLarge,
    StoreUnavailable,
)  # fmt: skip
from assay.outages import Outage
from assay.web.asks.addressed import PREFIX, addressed, asks
from assay.web.items.streaming import Streams
from assay.web.predictions import LONG_BODY_BYTES
from assay.web.problems import CONTENT_TYPE, problem_of
from assay.web.process import Conversation, Process, asked_in
from assay.web.requests import Captured, Hosts, Receive, Request, Scope, Send, reply
from assay.web.tasks.routes import JobRoute, LaterRoute

BODY_MAY_BE_ABSENT = ("/train", "/queries")
API = "/v1/"  # all else is the application's own
JSON = (b"content-type", b"application/json")
PROBES = frozenset(("/livez", "/readyz"))
log = structlog.get_logger("assay")


class Door:
    """The ASGI application: the hot route itself, everything else by the control plane, the record around both."""

    def __init__(self, process: Process, make_api: Callable[[Process], Any]) -> None:
        self._process = process
        self._make_api = make_api
        self._api: Any = None
        settings = process.settings
        self._hosts = Hosts(settings.allowed_hosts, any_host=settings.open)
        self._predict = LaterRoute(process)
        self._jobs = JobRoute(process)
        self._streams = Streams(process)
        self._pending: set[asyncio.Task[None]] = set()
        self._unrecorded = Outage("exchanges_not_recorded")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the life of the process."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._process.start()
            self._api = self._make_api(self._process)
        except Exception as failed:
            self._process.failure = str(failed) or type(failed).__name__
            await send({"type": "lifespan.startup.failed", "message": str(failed)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._process.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        try:
            self._hosts.check(request)
            if asks(request):
                await request.read(receive, self._predict.limit)  # first: of a refusal too the record has what was sent
                served, version = await addressed(self._process, request)
                await self._predict(request, served, version, send)
            elif self._jobs.takes(request):
                await self._jobs(request, send)
            elif (streamed := self._streams.route(request)) is not None:
                await streamed(request, receive, send)
            else:
                await self._control(request, scope, receive, send)
        except AssayError as refused:
            await self._refuse(request, refused, send)
        except Exception as failed:
            log.error("request_failed", path=request.path, request=request.id, exc_info=failed)
            await self._refuse(
                request, AssayError("The server failed to answer; the request's id leads to the cause."), send
            )

    async def _control(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        body = await request.read(receive, self._process.settings.max_batch_bytes)
        if must_be_json(request):
            request.check_json()
        if body and request.says_json():
            if len(body) > LONG_BODY_BYTES:
                await asyncio.to_thread(strict_json, body)
            else:
                strict_json(body)
        captured = Captured(body)
        key = None if request.path.startswith(API) else self._predict.once.key(request)

        async def answer() -> None:
            await self._ask(request, scope, captured)
            await self._keep(request, captured, key)

        if key is None:
            await answer()
        elif (earlier := await self._predict.once.answer(key, request, answer)) is not None:
            again = [JSON, (b"x-request-id", request.id.encode())]  # all that is kept under a key is JSON
            await self._predict.once.replay(request, earlier, again, send)
            return
        headers = [*captured.headers, (b"x-request-id", request.id.encode())]
        length, response = len(captured.response), b"" if request.method == "HEAD" else captured.response
        await reply(send, captured.status, response, headers, length, scope)

    async def _ask(self, request: Request, scope: Scope, captured: Captured) -> None:
        marked = asked_in.set(Conversation(request))
        if request.method == "HEAD":  # as GET, without its body
            scope = {**scope, "method": "GET"}
        try:
            await self._api(scope, captured.receive, captured.send)
        finally:
            asked_in.reset(marked)

    async def _keep(self, request: Request, captured: Captured, key: str | None) -> None:
        reading = request.method in ("GET", "HEAD")
        response = b"" if request.method == "HEAD" else captured.response
        done = key if captured.is_json_of_success else None
        keeping = self._process.keep(request, captured.status, response, whole=not reading, key=done)
        if request.path in PROBES:
            # a probe tells the truth about the store; it cannot wait for it
            task = asyncio.create_task(self._quietly(keeping))
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)
        else:
            await keeping

    async def _refuse(self, request: Request, refused: AssayError, send: Send) -> None:
        status, body, headers = problem_of(refused, request.id)
        if status >= 500 and not isinstance(refused, StoreUnavailable):  # of which there are as many as requests
            log.warning(
                "request_refused", path=request.path, request=request.id, code=refused.code, reason=str(refused)
            )
        try:
            await self._process.keep(request, status, body)
        except AssayError as unrecorded:
            self._unrecorded.failed(str(unrecorded), request=request.id)
            if status < 500:
                status, body, headers = problem_of(StoreUnavailable(), request.id)
        else:
            self._unrecorded.over()
        if isinstance(refused, BodyTooLarge) or request.unread:
            headers.append((b"connection", b"close"))  # the rest of the body is not read
        headers += [
            (b"content-type", CONTENT_TYPE),
            (b"x-request-id", request.id.encode()),
            (b"cache-control", b"no-store"),
        ]
        await reply(send, status, body, headers)

    async def _quietly(self, keeping: Awaitable[None]) -> None:
        try:
            await keeping
        except AssayError as failed:
            self._unrecorded.failed(str(failed))
        else:
            self._unrecorded.over()


def must_be_json(request: Request) -> bool:
    """Whether the request's body, if it has one or needs one, is read as JSON whatever it is called."""
    if request.method not in ("POST", "PUT", "PATCH") or not request.path.startswith(API):
        return False
    return bool(request.body) or (request.path.startswith(PREFIX) and not request.path.endswith(BODY_MAY_BE_ABSENT))
