"""A shadow is asked every question once, or it is said why not; whatever happens in between, the sum is right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.app.experiments import shadowing
from assay.app.experiments.shadowing import Shadowing, told
from assay.clock import new_id, now_us
from assay.domain.job import Job
from assay.domain.releases.shadow import Shadow
from assay.errors import LeaseLost
from assay.store.paging import first_id
from assay.store.record.questions import Questions, keep
from assay.store.releases.shadows import move
from tests import tiny
from tests.app.experiments.trying import (
    SECOND,
    Silent,
    answered,
    carat,
    ended,
    exchange_of,
    shadows,
    standing_in,
    tried,
)


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home") as opened:
        yield opened


def follow(assay: Assay, **how: Any) -> dict[str, int]:
    return Shadowing(assay, "stone", Silent(), **how).run()


def mark(assay: Assay, place: int = 0) -> Shadow:
    return assay.shadows.courses("stone")[place].shadow


def test_every_question_is_asked_once_and_kept_beside_the_first_answer(assay: Assay) -> None:
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    ids = answered(assay, 3) + answered(assay, 2, ago_s=50, position=1, experiment="checkout")
    answered(assay, 1, exchange=None)
    answered(assay, 1, ago_s=500)  # before it began
    assert follow(assay) == {"asked": 5, "skipped": 0}
    assert follow(assay) == {"asked": 0, "skipped": 0}
    kept = shadows(assay)
    assert [(one["exchange"], one["position"]) for one in kept] == [
        *((exchange_of(id), 0) for id in ids[:3]), *((exchange_of(id), 1) for id in ids[3:]),
    ]  # fmt: skip
    version = assay.loader.load(assay.versions.find("stone", tiny.ROUGH))
    right = assay.predict("stone", carat(1.0).encode(), version.number)[0].prediction
    assert {(one["value"], one["answer"], one["experiment"]) for one in kept} == {(right, repr(right), "checkout")}
    assert {one["question"] for one in kept} == {carat(1.0)}
    assert (mark(assay).asked, mark(assay).skipped) == (5, 0)
    assert told(mark(assay)) == {"version": 2, "asked": 5, "skipped": 0, "reasons": {}}


def test_what_may_still_be_on_its_way_into_the_record_is_left_for_later(assay: Assay) -> None:
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    standing_in(assay, lambda columns: columns["carat"])
    answered(assay, 2, ago_s=30)
    answered(assay, 3, ago_s=10)
    assert follow(assay) == {"asked": 2, "skipped": 0}
    assert follow(assay, aged_us=0) == {"asked": 3, "skipped": 0}


def test_a_change_of_shares_divides_the_questions_among_two_marks(assay: Assay) -> None:
    tried(assay, ago_s=100, shadows=(tiny.ROUGH,), arms=())
    tried(assay, ago_s=60, shadows=(tiny.ROUGH,), arms=())
    ended(assay, ago_s=30)
    standing_in(assay, lambda columns: columns["carat"])
    for ago_s, count in ((80, 3), (50, 4), (25, 9)):
        answered(assay, count, ago_s=ago_s)
    assert follow(assay) == {"asked": 7, "skipped": 0}
    assert [mark(assay, place).asked for place in (0, 1)] == [3, 4]
    assert all(one.over for one in assay.shadows.courses("stone"))
    assert assay.shadows.open("stone") == []


def test_whoever_comes_to_a_shadow_late_knows_that_it_has_been_ended_meanwhile(assay: Assay) -> None:
    """A model that hangs keeps the job from the next shadow for a minute; by then its experiment may be long over."""
    tried(assay, arms=(), shadows=(tiny.ROUGH, tiny.BROKEN))
    answered(assay, 3)

    def slow(columns: Any) -> Any:
        if len(asked) == 1:
            time.sleep(0.01)
            ended(assay)
            time.sleep(0.01)
            answered(assay, 4, ago_s=0)
            time.sleep(0.01)
        return columns["carat"]

    asked = standing_in(assay, slow)
    assert follow(assay, aged_us=0) == {"asked": 6, "skipped": 0}
    assert [mark(assay, place).asked for place in (0, 1)] == [3, 3]
    assert follow(assay, aged_us=0) == {"asked": 0, "skipped": 0}
    assert assay.shadows.open("stone") == []


def test_what_is_too_old_is_passed_by_with_the_reason(assay: Assay) -> None:
    tried(assay, ago_s=9_000, arms=(), shadows=(tiny.ROUGH,))
    standing_in(assay, lambda columns: columns["carat"])
    answered(assay, 4, ago_s=8_000)
    answered(assay, 2, ago_s=60)
    assert follow(assay) == {"asked": 2, "skipped": 4}
    assert mark(assay).reasons == {"too_far_behind": 4}


def test_what_was_recorded_behind_the_mark_is_counted_at_the_end(assay: Assay) -> None:
    tried(assay, ago_s=100, arms=(), shadows=(tiny.ROUGH,))
    standing_in(assay, lambda columns: columns["carat"])
    answered(assay, 2, ago_s=80)
    assert follow(assay, aged_us=75 * SECOND) == {"asked": 2, "skipped": 0}
    answered(assay, 3, ago_s=78)  # a process was stopped between the answer and the record
    answered(assay, 1, ago_s=60)
    ended(assay, ago_s=25)
    assert follow(assay) == {"asked": 1, "skipped": 3}
    assert mark(assay).reasons == {"too_late": 3}


def test_results_and_mark_are_kept_together_or_not_at_all(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    standing_in(assay, lambda columns: columns["carat"])
    answered(assay, 5)
    monkeypatch.setattr(shadowing, "BATCH", 2)
    calls: list[Any] = []

    def dying(connection: Any, kept: Any) -> None:
        keep(connection, kept)
        calls.append(kept)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(shadowing, "keep", dying)
    with pytest.raises(KeyboardInterrupt):
        follow(assay)
    assert (len(shadows(assay)), mark(assay).asked) == (2, 2)
    assert follow(assay) == {"asked": 3, "skipped": 0}
    assert len({one["exchange"] for one in shadows(assay)}) == len(shadows(assay)) == 5


def test_without_the_mark_what_was_done_is_done_twice(assay: Assay, tmp_path: Path) -> None:
    with tiny.opened(tmp_path / "other", unsafe=("no-mark",)) as unsafe:
        tried(unsafe, arms=(), shadows=(tiny.ROUGH,))
        standing_in(unsafe, lambda columns: columns["carat"])
        answered(unsafe, 5)
        real = unsafe.questions.between
        looks: list[str] = []

        def dying(model: str, after: str, before: str, limit: int) -> Any:
            looks.append(after)
            if len(looks) == 2:
                raise KeyboardInterrupt
            return real(model, after, before, 2)

        unsafe.questions.between = dying  # type: ignore[method-assign]  # killed between two batches
        with pytest.raises(KeyboardInterrupt):
            follow(unsafe)
        unsafe.questions = Questions(unsafe.database)
        follow(unsafe)
        assert len(shadows(unsafe)) == 7, "two were asked twice"


def test_whoever_finds_the_mark_moved_keeps_nothing(assay: Assay) -> None:
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    answered(assay, 2)
    before = mark(assay)

    def overtaken(columns: Any) -> Any:
        with assay.database.writing() as connection:
            move(connection, before, before.moved(first_id(now_us()), now_us(), asked=2))
        return columns["carat"]

    standing_in(assay, overtaken)
    with pytest.raises(LeaseLost):
        follow(assay)
    assert shadows(assay) == []


def test_others_are_seldom_kept_from_writing(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    standing_in(assay, lambda columns: columns["carat"])
    answered(assay, 6)
    monkeypatch.setattr(shadowing, "BATCH", 2)
    paused: list[float] = []
    monkeypatch.setattr("assay.app.experiments.shadowing.time.sleep", paused.append)
    began = time.perf_counter()
    follow(assay)
    took_s = time.perf_counter() - began
    assert len(paused) == 4, "once a transaction"
    assert all(0 < one <= shadowing.LONGEST_PAUSE_S for one in paused)
    assert sum(paused) * shadowing.TURN < took_s


def test_after_a_while_others_have_their_turn(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    standing_in(assay, lambda columns: columns["carat"])
    answered(assay, 2)
    monkeypatch.setattr(shadowing, "BUDGET_S", -1.0)
    assert follow(assay) == {"asked": 0, "skipped": 0}


def test_one_that_takes_all_the_time_does_not_keep_others_from_their_turn(
    assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_long(columns: Any) -> Any:
        time.sleep(0.6)
        return columns["carat"]

    tried(assay, arms=(), shadows=(tiny.ROUGH, tiny.BROKEN))
    standing_in(assay, take_long)
    answered(assay, 2)
    monkeypatch.setattr(shadowing, "BUDGET_S", 0.5)
    follow(assay)
    first, second = (one.shadow for one in assay.shadows.courses("stone"))
    assert (first.asked, second.at) == (2, 0)
    answered(assay, 1, ago_s=21)
    follow(assay)
    first, second = (one.shadow for one in assay.shadows.courses("stone"))
    assert (first.asked, second.at > first.at) == (2, True)


def test_the_job_does_it_for_its_model_and_says_how_far_it_is(assay: Assay) -> None:
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    standing_in(assay, lambda columns: columns["carat"])
    answered(assay, 2)
    report = Silent()
    job = Job(id=new_id(), at=now_us(), verb="shadow", model="stone")
    assert shadowing.shadow(assay, job, report) == {"asked": 2, "skipped": 0}
    assert report.heard == [("version 2", 2, 3), ("done", 2, 2)]
