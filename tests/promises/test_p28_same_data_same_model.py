"""P28: the same rows, code and seed give the same version; and who learns does not take the processor from who answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import homes
from tests.postgres import Cluster
from tests.promises.conftest import TRAIN, Tally
from tests.promises.servers import APPLICATION, assay_of, environment

TIMES = {"pr": 1, "nightly": 5}
EXACT = {"linear": 0.0, "boosted": 1e-9}


def trained(home: Path, processors: set[int]) -> None:
    """Trains in a process of its own, which may use these processors."""
    ran = subprocess.run(
        [sys.executable, "-c", TRAIN, str(APPLICATION), str(home), "stones"], env=environment(home=home), capture_output=True,
        text=True, check=False, preexec_fn=lambda: os.sched_setaffinity(0, processors),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]


def told(home: Path) -> dict[str, Any]:
    """Of each recipe: its metrics, its golden answers, and what it was learnt from."""
    assay = assay_of(home)
    found = {}
    for version in assay.versions.all("stones"):
        golden = assay.loader.manifest(version).golden
        found[version.recipe] = {
            "metrics": version.metrics, "golden": list(golden.answers), "dataset": version.dataset, "seed": version.seed,
            "parameters": version.parameters, "libraries": version.libraries, "code": version.code_digest,
        }  # fmt: skip
    assay.close()
    return found


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What was learnt the first time, kept in SQLite."""
    home = tmp_path_factory.mktemp("first") / "home"
    trained(home, os.sched_getaffinity(0))
    return told(home)


@pytest.mark.timeout(600)
def test_trained_again_it_is_the_same_whatever_the_processors_and_the_database(
    first: dict[str, Any], cluster: Cluster | None, tmp_path: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    count = tally("P28")
    every = os.sched_getaffinity(0)
    for again in range(TIMES[tier]):
        home = homes.prepared(tmp_path / f"again-{again}", cluster)
        trained(home, every if again % 2 else {min(every)})
        second = told(home)
        homes.forgotten(home)
        assert second.keys() == first.keys()
        for recipe, one in first.items():
            other = second[recipe]
            assert {name: one[name] for name in one if name not in ("metrics", "golden")} == {
                name: other[name] for name in other if name not in ("metrics", "golden")
            }
            for name, value in one["metrics"].items():
                assert other["metrics"][name] == pytest.approx(value, rel=EXACT.get(recipe, 0.0), abs=0), (recipe, name)
            assert other["golden"] == pytest.approx(one["golden"], rel=1e-9), recipe
        count.count(0)


def test_a_version_says_what_it_was_made_from(home: Path) -> None:
    for recipe, found in told(home).items():
        assert len(found["dataset"]) == 64, recipe
        assert found["libraries"]["numpy"], recipe
        assert found["seed"] == 42, recipe
        assert found["code"], recipe


NICE = """
import json, os, sys, threading
from pathlib import Path
import assay.app.working as working
seen = {}
def note(assay, job, report):
    seen["nice"] = os.nice(0)
    return None
working.VERBS["train"] = note
from assay.app import Assay
from assay.clock import new_id, now_us
from assay.domain.job import Job
folder, home = Path(sys.argv[1]), sys.argv[2]
assay = Assay.at(folder, home=Path(home))
assay.jobs.add(Job(id=new_id(), at=now_us(), verb="train"))
job = assay.jobs.claim("here", ["train"], 30.0)
working.do(folder, {"home": home}, job.id, job.token)
print(json.dumps(seen))
"""


def test_a_job_gives_way_to_whoever_answers(home: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", NICE, str(APPLICATION), str(home)],
        env=environment(home=home),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout.splitlines()[-1])["nice"] >= 10
