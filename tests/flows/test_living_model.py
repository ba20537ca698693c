"""The living model: files of fresh stones appear, and the server learns from them while it answers, with nobody's help."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.architecture.tree import ROOT
from tests.promises.ledger import Asked, Ledger, Load
from tests.promises.servers import Answer, Server, environment, until_ready

DIAMONDS = ROOT / "examples" / "diamonds"
ASSAY = Path(sys.executable).with_name("assay")
MONTHS = {"pr": 2, "nightly": 4}
STONES = 1_500
DRIFT = 1.08
RATE = 200
PATIENCE_S = 180.0
CONNECTIONS = 8


def stones(count: int, seed: int, dearer: float) -> pl.DataFrame:
    """Made-up stones of the application's own kind, at another month's prices."""
    found = spec_from_file_location("made_up_stones", DIAMONDS / "data.py")
    assert found is not None
    assert found.loader is not None
    module = module_from_spec(found)
    found.loader.exec_module(module)
    made: pl.DataFrame = module.rows(count, seed)
    return made.with_columns(
        (pl.col("price") * pl.when(pl.col("price") > 0).then(dearer).otherwise(1)).round(0).cast(pl.Int64)
    )


@dataclass
class Shop:
    """A running server of the diamonds application, and the folder in which it finds its rows."""

    server: Server
    folder: Path

    def deliver(self, month: int) -> None:
        """The stones of a month, as a file that appears whole."""
        draft = self.folder / ".coming.csv"
        stones(STONES, seed=100 + month, dearer=DRIFT**month).write_csv(draft)
        draft.rename(self.folder / f"month-{month}.csv")

    def champion(self) -> int:
        """Who answers now."""
        answer: Answer = self.server.ask("/v1/models/diamond-price/rollout")
        return int(answer.json["champion"]) if answer.status == 200 else 0

    def until_better_than(self, number: int) -> int:
        """Waits until another version answers; which."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            found = self.champion()
            if found not in (0, number):
                return found
            time.sleep(0.3)
        jobs = self.server.ask("/v1/jobs").json["results"]
        raise AssertionError(
            f"nothing better than {number}: {json.dumps(jobs, indent=1)[:3000]}\n{self.server.log.read_text()[-2000:]}"
        )

    def told(self, *command: str) -> Any:
        """What a command says as JSON, run as a person would beside the server."""
        line = [str(ASSAY), command[0], str(DIAMONDS), *command[1:], "--home", str(self.server.home), "--json"]
        ran = subprocess.run(line, capture_output=True, text=True, env=environment(home=self.server.home), check=False)
        assert ran.returncode == 0, f"{line}: {ran.stderr[-2000:]} {ran.stdout[-2000:]}"
        return json.loads(ran.stdout)


@pytest.fixture
def shop(fresh_home: Path, tmp_path: Path) -> Iterator[Shop]:
    folder, home = tmp_path / "rows", fresh_home
    folder.mkdir()
    shop = Shop(Server(None, 0, tmp_path / "home.log", 0, home), folder)  # type: ignore[arg-type]  # started below
    shop.deliver(0)
    line = [str(ASSAY), "serve", str(DIAMONDS), "--data", str(folder), "--home", str(home), "--port", "0", "--json"]
    settings = environment(home=home) | {"ASSAY_TRIALS": "4", "ASSAY_DRAIN_DELAY_S": "0"}
    with shop.server.log.open("ab") as log:
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=log, env=settings, bufsize=0)
    assert process.stdout is not None
    told = b""
    while b"}" not in told:
        part = os.read(process.stdout.fileno(), 4096)
        assert part, "it ended before it said where it serves"
        told += part
    port = int(json.loads(told)["url"].rsplit(":", 1)[1])
    shop.server = Server(process, port, tmp_path / "home.log", process.pid, home)
    try:
        yield shop
    finally:
        shop.server.stop()
        shutil.rmtree(home, ignore_errors=True)


def question(draw: random.Random) -> Asked:
    carat = round(draw.uniform(0.3, 2.5), 2)
    size = round(6.5 * carat ** (1 / 3), 2)
    told = {
        "carat": carat, "cut": draw.choice(["Fair", "Good", "Very Good", "Premium", "Ideal"]), "color": draw.choice("DEFGHIJ"),
        "clarity": draw.choice(["SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"]), "depth": round(draw.uniform(58, 65), 1),
        "table": round(draw.uniform(54, 60), 0), "x": size, "y": size, "z": round(size * 0.62, 2),
    }  # fmt: skip
    return Asked("/v1/models/diamond-price/predict", json.dumps(told).encode())


@pytest.mark.timeout(900)
def test_months_of_fresh_stones_are_learnt_from_under_load(shop: Shop, tmp_path: Path, tier: str) -> None:
    champions = [shop.until_better_than(0)]  # a server without any version learns from what is there
    until_ready(shop.server)
    ledger = Ledger(tmp_path / "ledger")
    load = Load(shop.server.port, ledger, question, pause_s=CONNECTIONS / RATE)
    asking = threading.Thread(target=lambda: asyncio.run(load.run(CONNECTIONS)))
    asking.start()
    try:
        for month in range(1, MONTHS[tier] + 1):
            shop.deliver(month)
            champions.append(shop.until_better_than(champions[-1]))
        time.sleep(1)
    finally:
        load.stop()
        asking.join()
    answers = ledger.entries()

    assert load.failures == []
    assert {answer.status for answer in answers} == {200}
    assert {answer.version for answer in answers} == set(champions), "each of the champions has answered"
    replayed = shop.told("replay", "--since", "1h")
    assert replayed["different"] == 0, "every answer is wholly that of the version which it names"
    assert replayed["equal"] >= len(answers)

    jobs = shop.server.ask("/v1/jobs?verb=train&state=succeeded").json["results"]
    assert len(jobs) == 1 + MONTHS[tier], "each file was learnt from once"
    verdicts = shop.server.ask("/v1/models/diamond-price/verdicts?kind=gate&outcome=passed").json["results"]
    assert {one["version"] for one in verdicts} >= set(champions), "nobody answered without passing the gate"
    for month, (before, after) in enumerate(pairwise(champions), 1):
        unseen = tmp_path / f"unseen-{month}.csv"  # of the same month, and in no file that was delivered
        stones(STONES, seed=900 + month, dearer=DRIFT**month).write_csv(unseen)
        first, second = (
            shop.told("evaluate", str(one), "--data", str(unseen))["metrics"]["mae"] for one in (before, after)
        )
        assert second < first, f"version {after} is no better in month {month} than {before}: {second} against {first}"
