"""P5 for tasks: one Idempotency-Key makes one task, however often and whenever it is sent, and it is answered once."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.promises.checker import rows
from tests.promises.conftest import Tally
from tests.promises.ledger import Asked, Ledger
from tests.promises.servers import STONE, Server, serving, start
from tests.promises.test_p05_safe_retries import PATH, retrying

KEYS = {"pr": 40, "nightly": 2_000}
TIMES = 4


def asked_with(key: int) -> Asked:
    """The one task that belongs to this key; every third client waits a moment for its answer."""
    body = json.dumps(STONE | {"carat": 0.5 + key / 10_000}).encode()
    wanted = "respond-async" if key % 3 else "respond-async, wait=1"
    return Asked(PATH, body, {"Idempotency-Key": f"task-{key}", "Prefer": wanted})


async def all_keys(server: Server, ledger: Ledger, keys: range) -> None:
    """Every key several times at once, eight keys at a time."""
    turns = asyncio.Semaphore(8)

    async def one(key: int) -> None:
        async with turns:
            await retrying(server.port, asked_with(key), ledger, TIMES, server.pid)

    await asyncio.gather(*(one(key) for key in keys))


def broken_promises(home: Path, ledger: Ledger, keys: range) -> list[str]:
    """Keys with more than one answer, more than one task, or a task that was answered more often than once."""
    by_key = defaultdict(set)
    for entry in ledger.entries():
        by_key[entry.key].add((entry.status, entry.got))
    found = [f"{key} had {len(answers)} different answers" for key, answers in by_key.items() if len(answers) > 1]
    for table, column in (("jobs", "arguments"), ("predictions", "question")):
        kept = [row["told"] for row in rows(home, f"SELECT {column} AS told FROM {table}")]
        for key in keys:
            body = asked_with(key).body.decode()
            times = sum(body in told for told in kept)
            found += [] if times == 1 else [f"{key} stands {times} times in {table}"]
    return found


@pytest.mark.timeout(900)
def test_one_key_has_one_task_whatever_happens_between_the_retries(
    home: Path, tmp_path: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    ledger, count = Ledger(tmp_path / "ledger"), tally("P5")
    keys = range(KEYS[tier])
    server = start(home, workers=2, told={"predict_workers": 1})
    killer = threading.Timer(0.5, server.kill)
    killer.start()
    asyncio.run(all_keys(server, ledger, keys))
    killer.join()
    server.kill()
    with serving(home, workers=2, told={"predict_workers": 1}) as server:
        asyncio.run(all_keys(server, ledger, keys))
        asyncio.run(all_keys(server, ledger, keys))
        until = time.monotonic() + 120
        while rows(home, "SELECT id FROM jobs WHERE state IN ('queued', 'running')"):
            assert time.monotonic() < until
            time.sleep(0.1)
    found = broken_promises(home, ledger, keys)
    count.count(len(found), len(keys))
    assert found == []
    assert {entry.key for entry in ledger.entries()} == {f"task-{key}" for key in keys}


def test_without_the_mechanism_a_retry_makes_another_task(home: Path, tmp_path: Path) -> None:
    ledger, keys = Ledger(tmp_path / "ledger"), range(5)
    with serving(home, unsafe=("no-idempotency",)) as server:
        asyncio.run(all_keys(server, ledger, keys))
    assert broken_promises(home, ledger, keys), "the checker must notice"
