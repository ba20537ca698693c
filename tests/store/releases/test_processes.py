"""Who answers now: joined, seen lately, and signed off."""

from __future__ import annotations

import msgspec

from assay.clock import new_id, now_us
from assay.store.databases.sqlite import Sqlite
from assay.store.releases.processes import FORGOTTEN_US, SILENT_US, Processes, WebProcess


def process(**told: int) -> WebProcess:
    known = {"started_at": now_us(), "seen_at": now_us(), "pid": 7} | told
    return WebProcess(id=new_id(), host="here", boot="now", **known)


def test_who_joined_is_heard_of_until_it_leaves(database: Sqlite) -> None:
    processes = Processes(database)
    first, second = process(pid=1), process(pid=2)
    processes.join(first)
    processes.join(second)
    assert processes.heard_of() == [first, second]
    processes.leave(first.id)
    assert processes.heard_of() == [second]


def test_who_is_silent_is_not_heard_of_until_its_next_sign_of_life(database: Sqlite) -> None:
    processes = Processes(database)
    silent = process(seen_at=now_us() - SILENT_US - 1)
    processes.join(silent)
    assert processes.heard_of() == []
    processes.beat(silent)
    assert [one.id for one in processes.heard_of()] == [silent.id]


def test_who_was_forgotten_counts_again_with_its_next_sign_of_life(database: Sqlite) -> None:
    processes = Processes(database)
    old = process(seen_at=now_us() - FORGOTTEN_US - 1)
    processes.join(old)
    processes.join(process())  # whoever joins sweeps
    processes.beat(old)
    found = {one.id: one for one in processes.heard_of()}
    assert msgspec.structs.replace(found[old.id], seen_at=old.seen_at) == old
