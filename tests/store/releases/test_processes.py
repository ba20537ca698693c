"""Who answers now: joined, seen lately, and signed off."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from assay.clock import boot_clock, new_id, now_us
from assay.store.database import Database
from assay.store.releases.processes import FORGOTTEN_US, SILENT_US, Processes, WebProcess, exists, here
from assay.store.releases.processes import processes as table

GONE = 2**22 + 7  # beyond the largest process id
TOLD = "from assay.store.releases.processes import here; print(*here())"


def process(pid: int = 7) -> WebProcess:
    return WebProcess(id=new_id(), host="here", boot="now", started_at=now_us(), seen_at=0, pid=pid)


def silence(database: Database, process: WebProcess, for_us: int) -> None:
    with database.writing() as connection:
        seen = database.now(connection) - for_us
        connection.execute(table.update().where(table.c.id == process.id).values(seen_at=seen))


def test_who_joined_is_heard_of_until_it_leaves(database: Database) -> None:
    processes = Processes(database)
    first, second = process(pid=1), process(pid=2)
    processes.join(first)
    processes.join(second)
    assert [one.id for one in processes.heard_of()] == [first.id, second.id]
    processes.leave(first.id)
    assert [one.id for one in processes.heard_of()] == [second.id]


def test_a_sign_of_life_is_dated_by_the_databases_clock(database: Database) -> None:
    processes = Processes(database)
    processes.join(process())
    (found,) = processes.heard_of()
    assert abs(found.seen_at - now_us()) < 60_000_000, "the process itself had said the year 1970"


def test_who_is_silent_is_not_heard_of_until_its_next_sign_of_life(database: Database) -> None:
    processes = Processes(database)
    silent = process()
    processes.join(silent)
    silence(database, silent, SILENT_US + 1)
    assert processes.heard_of() == []
    assert [one.id for one in processes.heard_of(2 * SILENT_US)] == [silent.id]
    processes.beat(silent)
    assert [one.id for one in processes.heard_of()] == [silent.id]


def test_who_was_forgotten_counts_again_with_its_next_sign_of_life(database: Database) -> None:
    processes = Processes(database)
    old = process()
    processes.join(old)
    silence(database, old, FORGOTTEN_US + 1)
    processes.join(process())  # whoever joins sweeps
    assert len(processes.heard_of(2 * FORGOTTEN_US)) == 1
    processes.beat(old)
    assert old.id in [one.id for one in processes.heard_of()]


def test_a_space_of_processes_is_one_start_of_one_machine_and_one_container() -> None:
    asked = [sys.executable, "-c", TOLD]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split() == list(here())
    assert here()[1].startswith(boot_clock()[0])


def test_a_container_has_a_space_of_its_own_whatever_its_name() -> None:
    unshare = shutil.which("unshare")
    if unshare is None or os.getuid() != 0:
        pytest.skip("needs the right to make a space of processes: root, and util-linux's unshare")
    asked = [unshare, "--pid", "--fork", "--mount-proc", sys.executable, "-c", TOLD]
    ran = subprocess.run(asked, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        pytest.skip(f"needs the right to make a space of processes: {ran.stderr.strip()[-200:]}")
    host, boot = ran.stdout.split()
    assert host == here()[0]
    assert boot != here()[1]
    assert boot.partition("/")[0] == here()[1].partition("/")[0]


def test_only_who_is_there_exists() -> None:
    assert exists(os.getpid())
    assert exists(1), "somebody else's"
    assert not exists(GONE)
