"""P5: a request that carries an Idempotency-Key is answered once, however often it is sent."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.promises.checker import rows, violations
from tests.promises.conftest import Tally
from tests.promises.ledger import Asked, Ledger, acknowledged, request_bytes, response, stone
from tests.promises.servers import STONE, Server, assay_of, serving, start

KEYS = {"pr": 80, "nightly": 5000}
PATH = "/v1/models/stones/predict"


def asked_with(key: int, seed: int = 0) -> Asked:
    """The one request that belongs to this key."""
    body = json.dumps(stone(random.Random(seed * 100_003 + key))).encode()
    return Asked(PATH, body, {"Idempotency-Key": f"key-{seed}-{key}"})


async def retrying(port: int, asked: Asked, ledger: Ledger, times: int, server: int) -> int:
    """Sends the request so often, each on a connection of its own, all at once; counts the refusals as in progress."""

    async def once() -> int:
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request_bytes(asked))
            status, headers, body = await asyncio.wait_for(response(reader), 30)
        except (ConnectionError, asyncio.IncompleteReadError):
            return 0
        finally:
            if writer is not None:
                writer.close()
        if status == 409:
            assert json.loads(body)["code"] == "idempotency_in_progress" and headers["retry-after"]
            return 1
        ledger.note(acknowledged(asked, status, headers, body, server))
        return 0

    return sum(await asyncio.gather(*(once() for _ in range(times))))


async def all_keys(server: Server, ledger: Ledger, keys: range, seed: int = 0) -> None:
    """Every key between once and five times, eight keys at a time."""
    draw, turns = random.Random(seed), asyncio.Semaphore(8)

    async def one(key: int) -> None:
        async with turns:
            await retrying(server.port, asked_with(key, seed), ledger, draw.randint(1, 5), server.pid)

    await asyncio.gather(*(one(key) for key in keys))


def broken_promises(home: Path, ledger: Ledger) -> list[str]:
    """Keys with more than one answer, record or prediction."""
    by_key = defaultdict(set)
    for entry in ledger.entries():
        by_key[entry.key].add((entry.status, entry.got))
    found = [f"{key} had {len(answers)} different answers" for key, answers in by_key.items() if len(answers) > 1]
    asked = Counter(row["question"] for row in rows(home, "SELECT question FROM predictions"))
    return found + [f"{question} was computed {times} times" for question, times in asked.items() if times > 1]


@pytest.mark.timeout(600)
def test_one_key_has_one_record_and_one_answer_whatever_happens_between_the_retries(
    home: Path, tmp_path: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    ledger, count = Ledger(tmp_path / "ledger"), tally("P5")
    keys = range(KEYS[tier])
    server = start(home, workers=2)
    killer = threading.Timer(0.25, server.kill)
    killer.start()
    asyncio.run(all_keys(server, ledger, keys))
    killer.join()
    server.kill()

    with serving(home, workers=2) as server:
        asyncio.run(all_keys(server, ledger, keys))
        first = server.predict().json["version"]
        assay = assay_of(home)
        assay.releaser.promote("stones", 2, by="test")
        assay.close()
        while server.predict(STONE | {"carat": 2.5}).json["version"] == first:
            pass
        asyncio.run(all_keys(server, ledger, keys))
    # the two questions above carry no key
    found = [said for said in broken_promises(home, ledger) if '"carat": 2.5' not in said and 'carat": 1.0' not in said]
    found += violations(home, ledger.entries())
    count.count(len(found), len(keys))
    assert found == []
    answered = {entry.key for entry in ledger.entries()}
    assert len(answered) == len(keys)
    assert {entry.version for entry in ledger.entries()} == {first}, "a replay gives the old answer"


def test_a_replay_says_so_and_has_the_same_bytes(shared_server: Server) -> None:
    told = {"Idempotency-Key": "replayed-1"}
    first, again = shared_server.predict(headers=told), shared_server.predict(headers=told)
    assert (again.status, again.body) == (first.status, first.body)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    kept = shared_server.exchange(again.headers["x-request-id"])
    assert kept is not None and kept["replay_of"] == first.headers["x-request-id"]


def test_a_key_with_another_body_is_refused(shared_server: Server) -> None:
    told = {"Idempotency-Key": "mismatched-1"}
    assert shared_server.predict(headers=told).status == 200
    answer = shared_server.predict(STONE | {"carat": 2.0}, headers=told)
    assert (answer.status, answer.code) == (422, "idempotency_mismatch")


def test_a_key_belongs_to_its_route(shared_server: Server) -> None:
    told = {"Idempotency-Key": "routed-1", "Content-Type": "application/json"}
    first = shared_server.predict(headers=told)
    other = shared_server.ask("/v1/models/stones/versions/2/predict", json.dumps(STONE).encode(), headers=told)
    assert (first.status, other.status) == (200, 200)
    assert first.json["version"] != other.json["version"]


def test_a_refused_request_does_not_use_its_key_up(shared_server: Server) -> None:
    told = {"Idempotency-Key": "mended-1"}
    assert shared_server.predict(STONE | {"carat": -1}, headers=told).status == 422
    assert shared_server.predict(headers=told).status == 200


def test_without_the_mechanism_a_retry_is_answered_twice(home: Path, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    with serving(home, unsafe=("no-idempotency",)) as server:
        asyncio.run(all_keys(server, ledger, range(10)))
    assert broken_promises(home, ledger), "the checker must notice"
