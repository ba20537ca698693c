"""One web process serves what is trained, follows the decisions, and records what no model records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.errors import Draining, ModelNotFound
from assay.store.record import exchanges
from assay.store.record.recorder import Entry
from assay.web.process import REMEMBERED_BYTES, Process, exchange_row
from assay.web.requests import Request
from tests import rows, tiny

SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/x", "query_string": b"a=1", "headers": []}


def in_a_process(home: Path, story: Callable[[Process, Assay], Awaitable[None]]) -> None:
    async def run() -> None:
        process = Process(assay)
        await process.start()
        try:
            await story(process, assay)
        finally:
            if not process.draining:
                await process.stop()

    with tiny.opened(home, poll_interval_s=0.01) as assay:
        asyncio.run(run())


def row(response: bytes, **told: Any) -> dict[str, Any]:
    kept = exchange_row(Request(SCOPE), 200, response, **told)
    columns = exchanges.PLAIN_COLUMNS if len(kept) == len(exchanges.PLAIN_COLUMNS) else exchanges.COLUMNS
    return dict.fromkeys(exchanges.COLUMNS) | dict(zip(columns, kept, strict=True))


def test_it_starts_with_the_version_that_rules_and_follows(tmp_path: Path) -> None:
    async def story(process: Process, assay: Assay) -> None:
        served = await process.served("stone")
        assert served.version().number == tiny.LINEAR
        assay.rollouts.append(rows.rollout(tiny.ROUGH))
        async with asyncio.timeout(20):
            while served.version().number != tiny.ROUGH:
                await asyncio.sleep(0.01)

    in_a_process(tmp_path / "home", story)


def test_a_model_that_is_trained_later_is_served_from_then_on(tmp_path: Path) -> None:
    async def story(process: Process, assay: Assay) -> None:
        from assay.store import versions

        with pytest.raises(ModelNotFound):
            await process.served("gem")
        stone = assay.versions.find("stone", tiny.LINEAR)
        with assay.database.writing() as connection:
            versions.add(connection, rows.version(model="gem", manifest=stone.manifest))
        assay.rollouts.append(rows.rollout(1, model="gem"))
        assert (await process.served("gem")).version().number == 1

    in_a_process(tmp_path / "home", story)


def test_what_is_kept_is_durable_when_keeping_returns(tmp_path: Path) -> None:
    async def story(process: Process, assay: Assay) -> None:
        request = Request(SCOPE)
        prediction = rows.prediction_values(exchange=request.id)
        request.predictions.append(prediction)
        await process.keep(request, 404, b"{}")
        assert assay.predictions.find(prediction[0]) is not None
        kept = assay.exchanges.find(request.id)
        assert kept is not None
        assert (kept.status, kept.path, kept.query, kept.response) == (404, "/x", "a=1", b"{}")

    in_a_process(tmp_path / "home", story)


def test_stopping_finishes_what_is_under_way_and_takes_nothing_new(tmp_path: Path) -> None:
    async def story(process: Process, assay: Assay) -> None:
        request = Request(SCOPE)
        keeping = asyncio.create_task(process.keep(request, 200, b"{}"))
        await asyncio.sleep(0)
        await process.stop()
        await keeping
        with pytest.raises(Draining):
            await process.keep_entry(Entry(None, []))

    in_a_process(tmp_path / "home", story)


def test_before_it_is_started_nothing_can_be_kept(tmp_path: Path) -> None:
    with tiny.opened(tmp_path / "home") as assay, pytest.raises(RuntimeError, match="not started"):
        asyncio.run(Process(assay).keep_entry(Entry(None, [])))


def test_a_long_response_of_a_reading_route_is_kept_as_size_and_digest() -> None:
    long = b"x" * (REMEMBERED_BYTES + 1)
    kept = row(long, whole=False)
    assert (kept["response"], kept["response_size"], kept["response_digest"]) == (
        None,
        len(long),
        sha256(long).hexdigest(),
    )
    for whole in (row(long), row(long[:-1], whole=False)):
        assert whole["response_digest"] is None
        assert whole["response"].startswith(b"x")


def test_the_row_has_what_the_request_told() -> None:
    kept = row(b"{}", key="k", replay_of="r")
    assert (kept["method"], kept["path"], kept["query"], kept["status"]) == ("GET", "/x", "a=1", 200)
    assert (kept["idempotency_key"], kept["replay_of"], kept["request"], kept["request_size"]) == ("k", "r", b"", 0)
    assert kept["took_us"] >= 0
