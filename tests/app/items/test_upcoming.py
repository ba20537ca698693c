"""What waits comes the newest first, and what comes meanwhile before the rest; it ends early where it must."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app import Assay
from assay.app.items import upcoming
from assay.app.items.outlook import Outlook, Task
from assay.app.items.upcoming import Span, Upcoming
from assay.clock import ticks_us
from assay.domain.items.item import Item
from assay.domain.items.score import Score, Sweep
from assay.domain.releases.rollout import Arm
from assay.store.items import failures
from assay.store.items.failures import Failed
from assay.store.items.groups import Group
from tests import said, stamped


@pytest.fixture
def assay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Assay]:
    monkeypatch.setattr(upcoming, "PAGE", 3)
    monkeypatch.setattr(upcoming, "LOOK_US", 0)
    with stamped.opened(tmp_path / "home") as opened:
        stamped.rule(opened, 1)
        yield opened


def task(assay: Assay) -> Task:
    return Outlook(assay).tasks(stamped.MODEL)[0]


def begin(assay: Assay, one: Task, seen: int = 0) -> Sweep:
    return assay.sweeps.begin(one.work, decision=one.rollout.sequence, seen=seen, wanted=0, pending=0)


def waiting(assay: Assay, until_s: float = 60) -> Upcoming:
    one = task(assay)
    sweep = one.sweep if one.finished and one.sweep is not None else begin(assay, one)
    return Upcoming(assay, one, sweep, ticks_us() + int(until_s * 1e6))


def keep(assay: Assay, *places: int) -> list[Item]:
    return stamped.keep(assay, places, bytes_too=False)


def places(found: Iterator[object]) -> list[int]:
    return [int(one.name.removeprefix("tone_").removesuffix(".wav")) for one in found]  # type: ignore[attr-defined]  # they are items


def score(assay: Assay, *kept: Item) -> None:
    found = task(assay).sweep or begin(assay, task(assay))
    sets: list[Score] = [said.score(one) for one in kept]
    assay.groups.add(Group(sweep=found.id, model=stamped.MODEL, version=1, sets=sets))


def test_the_newest_come_first_page_by_page(assay: Assay) -> None:
    kept = keep(assay, *range(8))
    score(assay, kept[5])
    found = waiting(assay)
    assert places(iter(found)) == [7, 6, 4, 3, 2, 1, 0]
    assert (found.whole, found.seen, found.overtaken) == (True, 8, False)


def test_what_comes_meanwhile_goes_before_the_rest(assay: Assay) -> None:
    keep(assay, *range(5))
    found = waiting(assay)
    seen = []
    for number, one in enumerate(found):
        seen += places(iter([one]))
        if number == 1:
            keep(assay, *range(10, 16))
    assert seen == [4, 3, 15, 14, 13, 12, 11, 10, 2, 1, 0]
    assert (found.whole, found.seen) == (True, 11)


def test_what_comes_at_the_very_end_is_not_missed(assay: Assay) -> None:
    keep(assay, 0)
    found = waiting(assay)
    seen = []
    for one in found:
        seen += places(iter([one]))
        if len(seen) < 4:
            keep(assay, 10 + len(seen))
    assert seen == [0, 11, 12, 13]
    assert found.whole


def test_a_sweep_that_had_finished_looks_only_at_what_is_new_or_has_rested(assay: Assay) -> None:
    kept = keep(assay, 0, 1, 2)
    score(assay, kept[0])
    with assay.database.writing() as connection:
        failures.fail(connection, stamped.MODEL, 1, [Failed(kept[1].id, "a", "")], 5)
        failures.fail(connection, stamped.MODEL, 1, [Failed(kept[2].id, "a", "")], assay.database.now(connection))
    assay.sweeps.finish(begin(assay, task(assay)).id, seen=3)
    keep(assay, 7)
    found = waiting(assay)
    assert places(iter(found)) == [7, 1], "one rests still"
    assert (found.whole, found.seen) == (True, 4)


def test_it_ends_when_the_time_is_over(assay: Assay) -> None:
    keep(assay, *range(5))
    assert places(iter(waiting(assay, -1))) == []
    found = waiting(assay)
    each = iter(found)
    next(each)
    found.until = 0
    assert list(each) == []
    assert not found.whole


def test_it_ends_when_another_decision_rules(assay: Assay) -> None:
    keep(assay, *range(5))
    found = waiting(assay)
    each = iter(found)
    next(each)
    stamped.rule(assay, 2)
    assert len(list(each)) <= 1
    assert (found.whole, found.overtaken) == (False, True)


def test_an_arm_gets_its_own_items_only(assay: Assay) -> None:
    kept = keep(assay, *range(12))
    arms = (Arm(version=1, share=0.5), Arm(version=2, share=0.5))
    rollout = stamped.rule(assay, 1, experiment="x", arms=arms)
    mine = [place for place, one in enumerate(kept) if rollout.choose(one.digest) == 1]
    assert places(iter(waiting(assay))) == mine[::-1]
    assert 0 < len(mine) < 12


def test_a_span_without_a_place_between_is_empty() -> None:
    assert [Span(3, before).empty for before in (3, 4, 5)] == [True, True, False]
