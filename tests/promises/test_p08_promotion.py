"""P8: under a promotion nothing fails, nothing is mixed, and nobody hears the old version once it has gone."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.serving.predict import predict
from tests.promises.checker import rows, violations
from tests.promises.conftest import Tally
from tests.promises.ledger import Acknowledged, Ledger, Load, mixed
from tests.promises.servers import assay_of, serving, until_ready

FLIPS = {"pr": 12, "nightly": 1000}
CONNECTIONS = 16
SWITCHED_S = 10.0  # generous: the promise is 2 s


class Promoter(threading.Thread):
    """Promotes and rolls back in turn, and then stops the load."""

    def __init__(self, home: Path, flips: int, load: Load) -> None:
        super().__init__()
        self.flips = 0
        self._home = home
        self._wanted = flips
        self._load = load

    def run(self) -> None:
        """As an operator would, beside the server."""
        assay = assay_of(self._home)
        try:
            assay.releaser.promote("stones", 2, by="test")
            self.flips += 1
            while self.flips < self._wanted:
                time.sleep(0.3)
                assay.releaser.rollback("stones", by="test")
                self.flips += 1
            time.sleep(0.5)
        finally:
            self._load.stop()
            assay.close()


@pytest.mark.timeout(900)
def test_promotions_and_rollbacks_under_load_fail_and_mix_nothing(
    home: Path, tmp_path: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    ledger, count = Ledger(tmp_path / "ledger"), tally("P8")
    with serving(home, workers=2) as server:
        load = Load(server.port, ledger, mixed)
        promoter = Promoter(home, FLIPS[tier], load)
        promoter.start()
        asyncio.run(load.run(CONNECTIONS))
        promoter.join()
        assert load.failures == []
        assert promoter.flips == FLIPS[tier]
        count.count(0, promoter.flips)
        until_ready(server)
    entries = ledger.entries()
    assert {entry.status for entry in entries} == {200, 422}, "only the questions that were meant to be refused were"
    assert {entry.version for entry in entries if entry.version} == {1, 2}
    found = [*violations(home, entries), *mixed_answers(home, entries)]
    count.failures += len(found)
    assert found == []


def test_the_checker_notices_an_answer_of_another_version(home: Path, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    with serving(home) as server:
        asyncio.run(Load(server.port, ledger, mixed).run(2, count=10))
    entries = ledger.entries()
    assert mixed_answers(home, entries) == []
    forged = [Acknowledged(**{**vars(one), "version": 2}) for one in entries if one.version]
    assert mixed_answers(home, forged)


@pytest.mark.timeout(120)
def test_every_process_answers_with_the_new_version_soon_and_for_good(home: Path) -> None:
    with serving(home, workers=2) as server:
        assert server.predict().json["version"] == 1
        assay = assay_of(home)
        assay.releaser.promote("stones", 2, by="test")
        promoted = time.monotonic()
        while {server.predict().json["version"] for _ in range(20)} != {2}:
            assert time.monotonic() - promoted < SWITCHED_S
        # connections land on either process: none may go back
        assert {server.predict().json["version"] for _ in range(100)} == {2}
        assay.close()


def mixed_answers(home: Path, entries: list[Acknowledged]) -> list[str]:
    """Answers that are not, row for row, what the version that they name gives to what was asked."""
    assay = assay_of(home)
    loaded = {number: assay.loader.load(assay.versions.find("stones", number)) for number in (1, 2)}
    asked = {row["id"]: row["request"] for row in rows(home, "SELECT id, request FROM exchanges WHERE status = 200")}
    found = []
    for entry in entries:
        if entry.version is None:
            continue
        version: Any = loaded[entry.version]
        told = json.loads(asked[entry.exchange])
        questions, _ = version.reader.read(json.dumps(told).encode())
        right = predict(version, questions)
        if any(abs(one - other) > 1e-3 * abs(other) for one, other in zip(entry.values, right, strict=True)):
            found.append(f"{entry.exchange}: {entry.values[:3]} is not what version {entry.version} says: {right[:3]}")
    assay.close()
    return found
