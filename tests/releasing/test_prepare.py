"""A switch waits for every process that answers, and one that cannot follow keeps all the others where they are."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest

from assay.clock import new_id, now_us
from assay.domain.releases.rollout import Rollout
from assay.errors import PromotionInProgress, PromotionOvertaken, VersionNotReady
from assay.releasing import prepare
from assay.releasing.prepare import Switch
from assay.store.database import Database
from assay.store.releases.preparations import Preparation, Preparations
from assay.store.releases.processes import SILENT_US, Processes, WebProcess, here
from assay.store.releases.processes import processes as table
from assay.store.releases.rollouts import Rollouts
from tests import rows

GONE = 2**22 + 7  # beyond the largest process id


def member(processes: Processes, **told: object) -> WebProcess:
    """A process that answers and was seen just now: this one, unless told otherwise."""
    known = {
        "id": new_id(), "host": here()[0], "boot": here()[1], "pid": os.getpid(), "started_at": now_us(),
        "seen_at": now_us(),
    }  # fmt: skip
    found = WebProcess(**(known | told))  # type: ignore[arg-type]  # each test tells what it means
    processes.join(found)
    return found


def silence(database: Database, process: WebProcess, for_us: int) -> None:
    """The process has given no sign of life for so long."""
    with database.writing() as connection:
        seen = database.now(connection) - for_us
        connection.execute(table.update().where(table.c.id == process.id).values(seen_at=seen))


def meanwhile(preparations: Preparations, act: Callable[[Preparation], None]) -> threading.Thread:
    """Does something as soon as a preparation is open, as a web process would."""

    def wait() -> None:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            for one in preparations.open():
                act(one)
                return
            time.sleep(0.01)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_with_nobody_to_wait_for_the_switch_is_immediate(switch: Switch, rollouts: Rollouts) -> None:
    decided = switch.to(rows.rollout(1))
    assert rollouts.ruling("stone") == decided


def test_nobody_switches_before_all_have_the_version(
    switch: Switch, processes: Processes, preparations: Preparations, rollouts: Rollouts
) -> None:
    first, second = member(processes), member(processes)
    seen: list[Rollout | None] = []

    def answer(preparation: Preparation) -> None:
        preparations.acknowledge(preparation.id, first.id)
        time.sleep(0.2)
        seen.append(rollouts.ruling("stone"))
        preparations.acknowledge(preparation.id, second.id)

    thread = meanwhile(preparations, answer)
    decided = switch.to(rows.rollout(2))
    thread.join()
    assert seen == [None], "it was decided while one was still loading"
    assert rollouts.ruling("stone") == decided
    assert preparations.open() == []


def test_one_that_cannot_load_the_version_keeps_all_from_switching(
    switch: Switch, processes: Processes, preparations: Preparations, rollouts: Rollouts
) -> None:
    sound, unsound = member(processes), member(processes)

    def answer(preparation: Preparation) -> None:
        preparations.acknowledge(preparation.id, sound.id)
        preparations.acknowledge(preparation.id, unsound.id, "no memory")

    thread = meanwhile(preparations, answer)
    with pytest.raises(VersionNotReady, match=r"nothing was switched: process .* could not load it: no memory"):
        switch.to(rows.rollout(2))
    thread.join()
    assert rollouts.ruling("stone") is None
    assert preparations.open() == []


def test_one_that_never_answers_is_waited_for_only_so_long(
    switch: Switch, processes: Processes, rollouts: Rollouts
) -> None:
    member(processes)
    with pytest.raises(VersionNotReady, match=f"process {os.getpid()} did not get it ready in time"):
        switch.to(rows.rollout(2))
    assert rollouts.ruling("stone") is None


def test_who_cannot_answer_any_more_is_not_waited_for(switch: Switch, processes: Processes, rollouts: Rollouts) -> None:
    member(processes, pid=GONE)
    assert switch.to(rows.rollout(2)) == rollouts.ruling("stone")


def test_who_answered_before_a_reboot_is_waited_for_only_where_it_may_be_on_another_machine(
    database: Database, switch: Switch, processes: Processes, preparations: Preparations
) -> None:
    member(processes, boot="another start/1")
    preparations.propose("bean", 2, by="a promoter", who=(here()[0], "another start/1", 1), left=lambda _: False)
    if database.kind == "sqlite":
        assert switch.to(rows.rollout(2)).version == 2
        assert switch.to(rows.rollout(3, model="bean")).version == 3
    else:  # several machines may have one name
        with pytest.raises(VersionNotReady):
            switch.to(rows.rollout(2))
        with pytest.raises(PromotionInProgress):
            switch.to(rows.rollout(3, model="bean"))


def test_who_is_silent_is_not_waited_for_once_it_could_have_spoken(
    database: Database, switch: Switch, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence(database, member(processes), prepare.KEPT_US + SILENT_US + 1)
    assert switch.to(rows.rollout(2)).version == 2
    silence(database, member(processes), SILENT_US + 1)
    monkeypatch.setattr(prepare, "SPEAK_US", 200_000)
    assert switch.to(rows.rollout(3)).version == 3


def test_who_was_kept_from_speaking_is_heard_before_it_is_decided(
    database: Database, switch: Switch, processes: Processes, rollouts: Rollouts
) -> None:
    one = member(processes)
    silence(database, one, SILENT_US + 1)
    speaking = threading.Timer(0.3, processes.beat, [one])
    speaking.start()
    with pytest.raises(VersionNotReady):
        switch.to(rows.rollout(2))
    speaking.join()
    assert rollouts.ruling("stone") is None


def test_after_a_turn_that_was_long_in_coming_the_others_are_heard_again(
    database: Database, switch: Switch, processes: Processes, preparations: Preparations, rollouts: Rollouts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(prepare, "SPEAK_US", 1_000_000)
    one = member(processes)
    silence(database, one, SILENT_US + 1)
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with database.turn():
            held.set()
            over.wait(1.5)
        processes.beat(one)  # which it could not do meanwhile

    threading.Timer(0.5, lambda: threading.Thread(target=hold).start()).start()
    with pytest.raises(VersionNotReady):
        switch.to(rows.rollout(2))
    assert held.is_set()
    assert rollouts.ruling("stone") is None


def test_one_on_another_host_is_waited_for_by_its_signs_of_life(switch: Switch, processes: Processes) -> None:
    member(processes, host="elsewhere", pid=GONE)
    with pytest.raises(VersionNotReady, match=f"process {GONE} on elsewhere did not"):
        switch.to(rows.rollout(2))


def test_a_process_id_means_nothing_in_another_container_of_the_same_name(switch: Switch, processes: Processes) -> None:
    start = here()[1].partition("/")[0]
    member(processes, boot=f"{start}/1", pid=GONE)
    with pytest.raises(VersionNotReady):
        switch.to(rows.rollout(2))


def test_of_two_promotions_at_once_the_second_is_refused(
    switch: Switch, processes: Processes, preparations: Preparations
) -> None:
    one = member(processes)
    refused: list[str] = []

    def interfere(preparation: Preparation) -> None:
        with pytest.raises(PromotionInProgress, match="Version 2"):
            switch.to(rows.rollout(3))
        refused.append("yes")
        preparations.acknowledge(preparation.id, one.id)

    thread = meanwhile(preparations, interfere)
    assert switch.to(rows.rollout(2)).version == 2
    thread.join()
    assert refused


def test_a_way_back_does_not_wait_for_a_way_forward(
    switch: Switch, processes: Processes, preparations: Preparations, rollouts: Rollouts
) -> None:
    one = member(processes)

    def go_back(_preparation: Preparation) -> None:
        answering = meanwhile_for(preparations, 1, one)
        assert switch.to(rows.rollout(1), override=True).version == 1
        answering.join()

    thread = meanwhile(preparations, go_back)
    with pytest.raises((PromotionOvertaken, VersionNotReady)):
        switch.to(rows.rollout(2))
    thread.join()
    ruling = rollouts.ruling("stone")
    assert ruling is not None
    assert ruling.version == 1


def test_who_was_overtaken_is_told_at_once(
    database: Database, processes: Processes, preparations: Preparations
) -> None:
    member(processes)
    thread = meanwhile(preparations, lambda one: preparations.abort(one.id, "overtaken by a rollback"))
    began = time.monotonic()
    with pytest.raises(PromotionOvertaken):
        Switch(database, preparations, processes, patience_s=30).to(rows.rollout(2))
    assert time.monotonic() - began < 10
    thread.join()


def meanwhile_for(preparations: Preparations, version: int, process: WebProcess) -> threading.Thread:
    """Has this version ready as soon as it is asked for."""

    def wait() -> None:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            for one in preparations.open():
                if one.version == version:
                    preparations.acknowledge(one.id, process.id)
                    return
            time.sleep(0.01)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_what_a_dead_promoter_left_open_is_in_nobodys_way(switch: Switch, preparations: Preparations) -> None:
    preparations.propose("stone", 2, by="a promoter that died", who=(*here(), GONE), left=lambda _: False)
    assert switch.to(rows.rollout(3)).version == 3
    assert preparations.open() == []


def test_what_a_promoter_elsewhere_leaves_open_is_aborted_after_a_while(
    database: Database, preparations: Preparations, processes: Processes
) -> None:
    boot = here()[1].partition("/")[0] + "/1"
    preparations.propose("stone", 2, by="one elsewhere", who=("elsewhere", boot, 1), left=lambda _: False)
    with pytest.raises(PromotionInProgress):
        Switch(database, preparations, processes, patience_s=60).to(rows.rollout(3))
    hasty = Switch(database, preparations, processes, patience_s=-11)
    assert hasty.to(rows.rollout(3)).version == 3
    assert preparations.open() == []


def test_a_decision_that_is_to_be_undone_must_still_rule(switch: Switch, rollouts: Rollouts) -> None:
    first = switch.to(rows.rollout(1))
    second = switch.to(rows.rollout(2), instead_of=first.id)
    with pytest.raises(PromotionOvertaken):
        switch.to(rows.rollout(3), override=True, instead_of=first.id)
    assert rollouts.ruling("stone") == second


def test_without_the_first_phase_nobody_is_asked(
    database: Database, preparations: Preparations, processes: Processes, rollouts: Rollouts
) -> None:
    member(processes)
    switch = Switch(database, preparations, processes, patience_s=1, prepare=False)
    assert switch.to(rows.rollout(2)) == rollouts.ruling("stone")
