"""P27: a change of who answers and its line in the audit are both there or neither, whoever is killed meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.store.audit import Audit
from assay.store.databases import open_database
from assay.store.paging import Window
from assay.store.releases.rollouts import Rollouts
from tests import homes
from tests.promises.conftest import Tally
from tests.promises.servers import APPLICATION, assay_of, environment

KILLS = {"pr": 5, "nightly": 200}
TOGGLE = """
import sys
from pathlib import Path
from assay.app import Assay
assay = Assay.at(Path(sys.argv[1]), home=Path(sys.argv[2]))
assay.loader.verify = assay.releaser._verify = lambda version: None  # what is timed here is the deciding
print("ready", flush=True)
while True:
    for number in (1, 2, 3):
        assay.promote("stones", number, by="test", reason="to and fro")
    assay.rollback("stones", by="test")
"""


def differences(home: Path) -> list[str]:
    """Decisions without a line in the audit, and lines without their decision."""
    database = open_database(homes.where(home))
    decided = [(one.previous, one.version, one.by, one.reason) for one in Rollouts(database).history("stones")]
    page = Audit(database).page(Window(limit=1000), action="promote", subject="stones")
    said = [(one.before, one.after, one.by, one.reason) for one in page.entries]
    database.close()
    newest = min(len(decided), len(said), 1000)
    found = [
        f"{one} was decided, and the audit says {other}"
        for one, other in zip(decided, said, strict=False)
        if one != other
    ]
    if newest < 1000 and len(decided) != len(said):
        found.append(f"{len(decided)} decisions, {len(said)} lines")
    return found


@pytest.mark.timeout(900)
def test_after_any_kill_decisions_and_audit_agree(home: Path, tier: str, tally: Callable[[str], Tally]) -> None:
    count, draw = tally("P27"), random.Random(27)
    for _ in range(KILLS[tier]):
        command = [sys.executable, "-c", TOGGLE, str(APPLICATION), str(home)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(home=home))
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(draw.uniform(0.0, 0.3))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        found = differences(home)
        count.count(len(found))
        assert found == []
    assay = assay_of(home)
    assert len(assay.rollouts.history("stones")) > KILLS[tier], "the kills came before anything was decided"
    assert assay.promote("stones", 4, by="test").version == 4, "what the dead left open is in nobody's way"
    assay.close()


def test_a_decision_that_the_audit_does_not_know_is_noticed(home: Path) -> None:
    assay = assay_of(home)
    assay.promote("stones", 2, by="test")
    assert differences(home) == []
    with assay.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)")
    assay.close()
    assert differences(home)


def test_a_rollback_brings_back_who_answered_before(home: Path) -> None:
    assay = assay_of(home)
    before = assay.ruling("stones").version
    assay.promote("stones", 2, by="test")
    assert assay.rollback("stones", by="test", reason="second thoughts").version == before
    newest = assay.audit.page(Window(limit=1)).entries[0]
    assert (newest.before, newest.after) == (2, before)
    assert "second thoughts" in newest.reason
    assay.close()
