"""A request that carries an `Idempotency-Key` is answered once; whoever repeats it gets the answer that is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from assay.domain.exchange import Exchange
from assay.errors import AlreadyAnswered, IdempotencyInProgress, IdempotencyMismatch
from assay.web.process import Process
from assay.web.requests import Headers, Request, Send, reply

NEW = ("POST", "PATCH")  # repeated, they would do it again


class Once:
    """The keys of one web process; those of others are met in the record."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._honoured = "no-idempotency" not in process.settings.unsafe

    def key(self, request: Request) -> str | None:
        """The key of a request that is to be answered once, scoped by the route; raises BadIdempotencyKey."""
        return request.idempotency_key() if self._honoured and request.method in NEW else None

    async def answer(self, key: str, request: Request, answer: Callable[[], Awaitable[None]]) -> Exchange | None:
        """Answers unless this key was answered before; then that exchange.

        `answer` records its exchange with the key, in the commit that makes what it does durable. Raises
        IdempotencyInProgress where two ask at once, IdempotencyMismatch where the key had another body or query, and what `answer`
        raises.
        """
        answering = self._process.answering
        if key in answering:
            raise IdempotencyInProgress
        answering.add(key)
        try:
            earlier = await self._earlier(key)
            if earlier is None:
                try:
                    await answer()
                except AlreadyAnswered:  # by another process, between our look and our commit
                    request.predictions.clear()  # nor is anything of ours kept with the repetition
                    request.tasks.clear()
                    earlier = await self._earlier(key)
        finally:
            answering.discard(key)
        if earlier is not None and (earlier.request, earlier.query) != (request.body, request.query):
            raise IdempotencyMismatch
        return earlier

    async def replay(self, request: Request, earlier: Exchange, headers: Headers, send: Send) -> None:
        """Gives an answer again that was given before, recorded as an exchange of its own."""
        response = earlier.response or b""
        await self._process.keep(request, earlier.status, response, replay_of=earlier.id)
        await reply(send, earlier.status, response, [*headers, (b"idempotent-replayed", b"true")])

    async def _earlier(self, key: str) -> Exchange | None:
        return await asyncio.to_thread(self._process.assay.exchanges.by_idempotency_key, key)
