"""P7 for whoever trains: one that has lost its lease registers no version, decides nothing, and ends well."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.clock import new_id, now_us
from assay.domain.job import Job
from tests.promises.conftest import Tally
from tests.promises.servers import APPLICATION, assay_of, environment

DO = """
import json, sys
from pathlib import Path
from assay.app.working import do
from assay.logs import configure_log
configure_log()
sys.exit(do(Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3], sys.argv[4]))
"""


def train_without_the_lease(home: Path, unsafe: tuple[str, ...] = ()) -> tuple[int, int, str]:
    """Versions and decisions that a trainer made after another worker had taken its job over; and what it said."""
    assay = assay_of(home)
    try:
        known, decided = len(assay.versions.all("stones")), len(assay.rollouts.history("stones"))
        told = {"recipes": ["linear"]}
        assay.jobs.add(Job(id=new_id(), at=now_us(), verb="train", model="stones", arguments=told))
        slow = assay.jobs.claim("slow", ["train"], lease_s=0.05)
        time.sleep(0.2)
        quick = assay.jobs.claim("quick", ["train"], lease_s=60)
        assert slow is not None
        assert quick is not None
        assert slow.id == quick.id
        assert slow.token != quick.token
        settings = {"home": str(home), "unsafe": list(unsafe)}
        command = [sys.executable, "-c", DO, str(APPLICATION), json.dumps(settings), slow.id, str(slow.token)]
        ran = subprocess.run(command, env=environment(home=home), capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr[-2000:]
        after = assay.jobs.find(slow.id)
        if not unsafe:
            assert (after.state, after.token) == ("running", quick.token), "the job is the other's still"
        return len(assay.versions.all("stones")) - known, len(assay.rollouts.history("stones")) - decided, ran.stderr
    finally:
        assay.close()


@pytest.mark.timeout(120)
def test_a_trainer_that_lost_its_lease_changes_nothing(home: Path, tally: Callable[[str], Tally]) -> None:
    versions, decisions, said = train_without_the_lease(home)
    tally("P7").count(versions + decisions)
    assert (versions, decisions) == (0, 0)
    assert "lease_lost" in said


@pytest.mark.timeout(120)
def test_without_the_fence_it_registers_a_version_all_the_same(home: Path) -> None:
    versions, _, said = train_without_the_lease(home, unsafe=("no-fence",))
    assert versions == 1
    assert "lease_lost" not in said
