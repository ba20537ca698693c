"""P7 for tasks: a predictor that was paused beyond its lease can answer nothing when it wakes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests import homes
from tests.asked import accept
from tests.postgres import Cluster
from tests.promises import zoos
from tests.promises.checker import rows
from tests.promises.conftest import Tally
from tests.promises.servers import assay_of, copy_of
from tests.promises.zoos import ZOO, beast, predictors, said, until

TRIALS = {"pr": 1, "nightly": 50}
LEASE_S = 1.0
WORKS_S = 0.5


@pytest.fixture(scope="module")
def zoo(cluster: Cluster | None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return zoos.trained(cluster, tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def home(zoo: Path, tmp_path: Path) -> Iterator[Path]:
    made = copy_of(zoo, tmp_path / "home")
    yield made
    homes.forgotten(made)


def overtaken(home: Path, unsafe: Sequence[str] = ()) -> tuple[int, str, str]:
    """How many answers a task has whose first predictor stood still from the claim until another had answered it.

    Also the id of the answer that the task had then, and of the one that it has in the end.
    """
    assay = assay_of(home, ZOO)
    exchange = os.urandom(16).hex()
    try:
        with predictors(home, unsafe=unsafe, lease_s=LEASE_S) as (zombie,):
            (warm,) = accept(assay.database, beast())  # so that it has the model loaded
            until(lambda: assay.jobs.find(warm).ended)
            (id,) = accept(assay.database, beast("slow", WORKS_S, exchange=exchange))
            until(lambda: assay.jobs.find(id).state == "running")
            os.kill(zombie.pid, signal.SIGSTOP)
            with predictors(home, unsafe=unsafe, lease_s=LEASE_S):
                until(lambda: assay.jobs.find(id).ended)
                first = assay.jobs.find(id).result["id"]
            known = len(rows(home, "SELECT id FROM predictions WHERE exchange = ?", exchange))
            os.kill(zombie.pid, signal.SIGCONT)
            if unsafe:
                until(lambda: len(rows(home, "SELECT id FROM predictions WHERE exchange = ?", exchange)) > known)
            else:
                until(lambda: any(line["event"] == "lease_lost" for line in said(home)))
            time.sleep(0.5)
        answers = len(rows(home, "SELECT id FROM predictions WHERE exchange = ?", exchange))
        return answers, first, assay.jobs.find(id).result["id"]
    finally:
        assay.close()


@pytest.mark.timeout(3600)
@pytest.mark.xdist_group("server")
def test_a_paused_predictor_finds_its_tasks_gone(home: Path, tier: str, tally: Callable[[str], Tally]) -> None:
    count = tally("P7")
    for _ in range(TRIALS[tier]):
        answers, first, last = overtaken(home)
        count.count(answers != 1 or first != last)
        assert (answers, last) == (1, first)


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("server")
def test_without_the_fence_it_answers_a_second_time(home: Path) -> None:
    answers, first, last = overtaken(home, unsafe=["no-fence"])
    assert answers == 2
    assert first != last, "the zombie's answer stands"
