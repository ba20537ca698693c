"""Requests with a key are answered once, whoever asks again: what the routes make of it is tested with them."""

from __future__ import annotations

import asyncio

import pytest

from assay.errors import AlreadyAnswered, IdempotencyInProgress
from assay.web.asks.once import Once
from assay.web.requests import Request
from tests.web.running import Running


def asked(method: str, path: str = "/price") -> Request:
    headers = [(b"idempotency-key", b"k")]
    return Request({"method": method, "path": path, "query_string": b"", "headers": headers})


def test_only_what_would_be_done_again_has_a_key(server: Running) -> None:
    once = Once(server.process)
    assert once.key(asked("POST")) == "POST /price k"
    assert once.key(asked("PATCH")) == "PATCH /price k"
    assert [once.key(asked(method)) for method in ("GET", "PUT", "DELETE")] == [None] * 3


def test_a_key_is_free_again_whatever_became_of_its_request(server: Running) -> None:
    once = Once(server.process)

    async def two() -> None:
        begun = asyncio.Event()

        async def fail() -> None:
            begun.set()
            await asyncio.sleep(0.05)
            raise AlreadyAnswered

        first = asyncio.create_task(once.answer("key of a test", asked("POST"), fail))
        await begun.wait()
        with pytest.raises(IdempotencyInProgress):
            await once.answer("key of a test", asked("POST"), fail)
        assert await first is None
        with pytest.raises(ZeroDivisionError):
            await once.answer("key of a test", asked("POST"), lambda: 1 / 0)  # type: ignore[arg-type,return-value]  # it fails before it returns
        assert await once.answer("key of a test", asked("POST"), fail) is None

    asyncio.run(two())
