"""P6 for tasks: one that was accepted comes to exactly one end with exactly one set of answers, whoever is killed."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from assay.domain.job import Job
from tests import homes
from tests.postgres import Cluster
from tests.promises import zoos
from tests.promises.checker import rows
from tests.promises.conftest import Tally
from tests.promises.servers import JSON, Server, assay_of, copy_of, start, until_ready
from tests.promises.zoos import ZOO, ask

TASKS = {"pr": 60, "nightly": 2_000}
KINDS = {"well": 70, "slow": 20, "raise": 6, "nan": 4}
DEADLY = ("segv", "exit", "hang")
LATER = JSON | {"Prefer": "respond-async"}
SETTINGS = {"predict_workers": 2, "lease_s": 2.0, "model_timeout_s": 3.0}


@pytest.fixture(scope="module")
def zoo(cluster: Cluster | None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return zoos.trained(cluster, tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def home(zoo: Path, tmp_path: Path) -> Iterator[Path]:
    made = copy_of(zoo, tmp_path / "home")
    yield made
    homes.forgotten(made)


class Chaos(threading.Thread):
    """Kills a predictor every second or two, now and then the web process, and once the whole server, which comes back."""

    def __init__(self, server: Server, seed: int) -> None:
        super().__init__()
        self.server = server
        self.kills: Counter[str] = Counter()
        self._draw = random.Random(seed)
        self._over = threading.Event()

    def run(self) -> None:
        """Until it is told that the tasks have ended."""
        while not self._over.wait(self._draw.uniform(1, 2.5)):
            round_ = self.kills.total() + 1
            what = "server" if round_ == 6 else "web" if round_ % 4 == 0 else "predictor"
            with suppress(ProcessLookupError, IndexError, OSError, ValueError, KeyError):
                self._kill(what)
                self.kills[what] += 1

    def stop(self) -> None:
        """No more."""
        self._over.set()
        self.join()

    def _kill(self, what: str) -> None:
        if what == "server":
            self.server.kill()
            self.server = start(self.server.home, application=ZOO, told=SETTINGS)
            return
        pids = self.server.notice()["tasks" if what == "predictor" else "workers"]
        os.kill(self._draw.choice(pids), signal.SIGKILL)


def submit(chaos: Chaos, question: Any) -> tuple[str, str]:
    """The ids of a task that was accepted and of its exchange; asked again until somebody answers."""
    while True:
        with suppress(OSError, http.client.HTTPException):
            answer = chaos.server.ask("/v1/models/zoo/predict", json.dumps(question).encode(), headers=LATER)
            if answer.status == 202:
                return str(answer.json["id"]), answer.headers["x-request-id"]
            assert answer.status == 503, answer.body
        time.sleep(0.1)


def until_ended(home: Path, ids: list[str]) -> list[Job]:
    """The tasks, once all have ended."""
    waited = time.monotonic() + 120 + 3 * len(ids)
    while True:
        assay = assay_of(home, ZOO)
        try:
            found = assay.tasks.seen(ids)
        finally:
            assay.close()
        open_ = [job.id for job in found.values() if not job.ended]
        if len(found) == len(ids) and not open_:
            return [found[id] for id in ids]
        assert time.monotonic() < waited, (len(found), open_)
        time.sleep(0.5)


def violations(home: Path, jobs: list[Job], exchanges: dict[str, str], kinds: dict[str, str]) -> list[str]:
    """What of the promise is broken: no end, more or fewer answers than one, a poisonous task that loops or harms others."""
    kept = Counter(row["exchange"] for row in rows(home, "SELECT exchange FROM predictions"))
    given = {row["id"]: row["exchange"] for row in rows(home, "SELECT id, exchange FROM predictions")}
    wrong = []
    for job in jobs:
        told = f"{job.id} ({kinds[job.id]}), {job.state} {job.code} after {job.attempts}"
        expected = 1 if job.state == "succeeded" else 0
        if kept[exchanges[job.id]] != expected:
            wrong.append(f"{told}: {kept[exchanges[job.id]]} answers instead of {expected}")
        if job.state == "succeeded" and given.get(json.loads(bytes(job.result))["id"]) != exchanges[job.id]:
            wrong.append(f"{told}: its result is not the answer that is recorded")
        if job.attempts > job.max_attempts:
            wrong.append(f"{told}: begun too often")
        if job.code == "worker_lost" and job.attempts != job.max_attempts:
            wrong.append(f"{told}: given up too early")
        if kinds[job.id] not in ("well", "slow") and job.state != "failed":
            wrong.append(f"{told}: it cannot have been answered")
        if kinds[job.id] in ("well", "slow") and job.state == "failed" and job.code != "worker_lost":
            wrong.append(f"{told}: it failed for another's fault")
    return wrong


@pytest.mark.timeout(7200)
@pytest.mark.xdist_group("server")
def test_every_accepted_task_ends_once_whoever_is_killed(home: Path, tier: str, tally: Callable[[str], Tally]) -> None:
    count, draw = tally("P6"), random.Random(6)
    kinds = draw.choices(list(KINDS), list(KINDS.values()), k=TASKS[tier] - len(DEADLY)) + list(DEADLY)
    draw.shuffle(kinds)
    exchanges, of = {}, {}
    chaos = Chaos(start(home, application=ZOO, told=SETTINGS), seed=6)
    try:
        chaos.start()
        for kind in kinds:
            id, exchange = submit(chaos, ask(kind, seconds=draw.uniform(0, 0.2)))
            exchanges[id], of[id] = exchange, kind
            time.sleep(draw.uniform(0, 0.1))
        killed_until = time.monotonic() + 10
        while chaos.kills.total() < 6 or time.monotonic() < killed_until:
            time.sleep(0.1)
        chaos.stop()
        until_ready(chaos.server)
        found = until_ended(home, list(exchanges))
    finally:
        chaos.stop()
        chaos.server.kill()
    wrong = violations(home, found, exchanges, of)
    count.count(len(wrong), len(found))
    assert wrong == []
    assert chaos.kills["predictor"] >= 3 and chaos.kills["server"] >= 1
    assert any(job.attempts > 1 and job.state == "succeeded" for job in found) or tier == "pr", "none was done again"


def test_a_task_that_ends_its_predictor_is_begun_three_times_and_harms_no_other(home: Path) -> None:
    """As if the model were in the predictor's own process: whoever has the task is killed as soon as it has it."""
    from tests.asked import accept

    assay = assay_of(home, ZOO)
    try:
        (poison,) = accept(assay.database, zoos.beast("hang"))
        others: list[str] = []
        for attempt in range(1, 4):
            with zoos.predictors(home, model_timeout_s=600):
                zoos.until(lambda attempt=attempt: assay.jobs.find(poison).attempts == attempt)  # type: ignore[misc]  # its default
                if attempt == 1:
                    others = accept(assay.database, *(zoos.beast() for _ in range(20)))
        with zoos.predictors(home):
            zoos.until(lambda: all(assay.jobs.find(id).ended for id in (poison, *others)))
        ended = assay.jobs.find(poison)
        assert (ended.state, ended.attempts, ended.code) == ("failed", 3, "worker_lost")
        assert ended.error == "its worker was lost 3 times"
        assert {assay.jobs.find(id).state for id in others} == {"succeeded"}
    finally:
        assay.close()


def test_the_checker_notices_what_it_is_for(home: Path) -> None:
    done = Job(id="a", at=1, verb="predict", state="succeeded", attempts=1, result=b'{"id": "p"}')
    exchanges, kinds = {"a": "x"}, {"a": "well"}
    assert violations(home, [done], exchanges, kinds), "no answer"
    lost = Job(id="a", at=1, verb="predict", state="failed", attempts=2, code="worker_lost")
    assert violations(home, [lost], exchanges, kinds), "given up too early"
    fault = Job(id="a", at=1, verb="predict", state="failed", attempts=1, code="model_error")
    assert violations(home, [fault], exchanges, kinds), "another's fault"
    assert violations(home, [fault], exchanges, {"a": "raise"}) == []
