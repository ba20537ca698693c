"""What is to be done follows from decisions, items and sweeps, and one job at a time does it for a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from assay.app import Assay
from assay.app.items.outlook import AFTER_OTHERS, BUDGET, URGENT, VERB, Outlook, Task
from assay.clock import now_us
from assay.domain.job import Job
from assay.domain.releases.rollout import Arm
from assay.store.items import failures
from assay.store.items.failures import Failed
from assay.store.items.sweeps import Work, sweeps
from assay.store.paging import Window
from assay.store.versions import versions
from tests import stamped

ARMS = (Arm(version=1, share=0.5), Arm(version=2, share=0.5))


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with stamped.opened(tmp_path / "home", rescore_interval_s=10) as opened:
        yield opened


@pytest.fixture
def outlook(assay: Assay) -> Outlook:
    return Outlook(assay)


def task(outlook: Outlook) -> Task:
    (found,) = outlook.tasks(stamped.MODEL)
    return found


def due(outlook: Outlook) -> list[int]:
    return [one.work.version for one in outlook.tasks(stamped.MODEL) if outlook.due(one)]


def finish(assay: Assay, one: Task) -> None:
    seen = assay.remaining.newest(stamped.COLLECTION)
    begun = assay.sweeps.begin(one.work, decision=one.rollout.sequence, seen=seen, wanted=0, pending=0)
    assay.sweeps.finish(begun.id, seen=seen)


def end(assay: Assay, job: Job, state: str, result: Any = None) -> None:
    claimed = assay.jobs.claim("me", (VERB,), 60)
    assert claimed is not None
    assert claimed.id == job.id
    with assay.database.writing() as connection:
        told: Any = {"state": state, "result": result}
        assay.jobs.finish(connection, job.id, claimed.token or "", **told)


def test_models_are_those_of_collections(outlook: Outlook) -> None:
    assert outlook.models() == {stamped.MODEL: [stamped.COLLECTION]}


def test_nothing_is_to_be_done_where_nobody_answers_or_nothing_is_kept(assay: Assay, outlook: Outlook) -> None:
    assert outlook.tasks(stamped.MODEL) == []
    stamped.rule(assay, 1)
    assert task(outlook).work == Work(stamped.COLLECTION, stamped.MODEL, 1, 0)
    assert due(outlook) == []
    assert outlook.look() == []


def test_items_versions_and_failures_that_have_rested_make_work(assay: Assay, outlook: Outlook) -> None:
    stamped.rule(assay, 1)
    (item,) = stamped.keep(assay, [1])
    assert due(outlook) == [1], "there is an item"
    finish(assay, task(outlook))
    assert due(outlook) == [], "all is done"
    stamped.keep(assay, [2])
    assert due(outlook) == [1], "another has come"
    finish(assay, task(outlook))
    with assay.database.writing() as connection:
        failures.fail(connection, stamped.MODEL, 1, [Failed(item.id, "a", "")], assay.database.now(connection))
    assert due(outlook) == [], "it rests"
    assay.failures.wake(stamped.MODEL)
    assert due(outlook) == [1], "it has rested"
    assay.sweeps.rest(task(outlook).work, "model_error", "away")
    assert due(outlook) == [], "the version rests"
    stamped.rule(assay, 2)
    assert due(outlook) == [2], "another version answers"


def test_every_decision_has_the_items_looked_through(assay: Assay, outlook: Outlook) -> None:
    stamped.keep(assay, [1])
    stamped.rule(assay, 1)
    finish(assay, task(outlook))
    stamped.rule(assay, 2)
    finish(assay, task(outlook))
    stamped.rule(assay, 1)
    assert (task(outlook).finished, due(outlook)) == (False, [1]), "its sets are to be given again"


def test_arms_have_their_own_items_or_all_of_them(assay: Assay, outlook: Outlook) -> None:
    kept = stamped.keep(assay, range(20))
    stamped.rule(assay, 1, experiment="x", arms=ARMS)
    one, other = outlook.tasks(stamped.MODEL)
    assert (one.shared, one.stands, other.stands) == (True, True, True)
    assert all(one.chooses(item.digest) != other.chooses(item.digest) for item in kept)
    stamped.rule(assay, 1, experiment="x", arms=ARMS, mode="all")
    one, other = outlook.tasks(stamped.MODEL)
    assert (one.shared, one.stands, other.stands) == (False, True, False)
    assert all(one.chooses(item.digest) and other.chooses(item.digest) for item in kept)


def test_a_version_that_asks_elsewhere_is_asked_anew_in_each_slot(assay: Assay, outlook: Outlook) -> None:
    remote(assay)
    stamped.keep(assay, [1])
    stamped.rule(assay, 1)
    first = task(outlook)
    assert 0 <= assay.sweeps.now() - first.work.run < 10_500_000
    assert first.work.run % 10_000_000 == 0
    finish(assay, first)
    earlier(assay, first)
    second = task(outlook)
    assert second.work.run > first.work.run - 30_000_000
    assert outlook.due(second)


def test_a_run_under_way_comes_to_its_end_before_the_next(assay: Assay, outlook: Outlook) -> None:
    remote(assay)
    stamped.keep(assay, [1])
    decided = stamped.rule(assay, 1)
    run = task(outlook).work.run - 50_000_000
    old = task(outlook).work._replace(run=run)
    begun = assay.sweeps.begin(old, decision=decided.sequence, seen=1, wanted=1, pending=1)
    assert task(outlook).work.run == run
    assay.sweeps.rest(old, "model_error", "away")
    assert task(outlook).work.run > run, "its server was away: another slot, another try"
    assay.sweeps.begin(old._replace(run=run + 1), decision=decided.sequence - 1, seen=1, wanted=1, pending=1)
    assert task(outlook).work.run > run + 1, "it was begun for another decision"
    assay.sweeps.finish(begun.id, seen=1)
    assert task(outlook).work.run > run + 1


def remote(assay: Assay) -> None:
    with assay.database.writing() as connection:
        connection.execute(update(versions).values(engine="remote"))


def earlier(assay: Assay, one: Task) -> None:
    """As if the slot had been an earlier one."""
    with assay.database.writing() as connection:
        connection.execute(update(sweeps).values(run=one.work.run - 30_000_000))


def test_a_job_is_made_at_once_and_only_one(assay: Assay, outlook: Outlook) -> None:
    stamped.keep(assay, [1])
    stamped.rule(assay, 1)
    (made,) = outlook.look()
    assert (made.verb, made.model, made.priority) == (VERB, stamped.MODEL, URGENT)
    assert outlook.look() == []
    assert Outlook(assay).look() == [], "nor by another worker"
    assert outlook.ask(stamped.MODEL, "me") == (made, False)
    assay.jobs.claim("me", (VERB,), 60)
    assert outlook.look() == []
    assert len(assay.jobs.page(Window()).entries) == 1


def test_a_sweep_that_goes_on_lets_others_go_first(assay: Assay, outlook: Outlook) -> None:
    stamped.keep(assay, [1])
    stamped.rule(assay, 1)
    (made,) = outlook.look()
    end(assay, made, "succeeded", {"ended": BUDGET})
    (again,) = outlook.look()
    assert again.priority == AFTER_OTHERS
    end(assay, again, "succeeded", {"ended": "done"})
    (third,) = outlook.look()
    assert third.priority == URGENT


@pytest.mark.parametrize("state", ["canceled", "failed"])
def test_a_sweep_that_was_ended_begins_again_for_what_is_new(assay: Assay, outlook: Outlook, state: str) -> None:
    stamped.keep(assay, [1])
    stamped.rule(assay, 1)
    one = task(outlook)
    assay.sweeps.begin(one.work, decision=one.rollout.sequence, seen=1, wanted=1, pending=1)
    (made,) = outlook.look()
    end(assay, made, state)
    assert outlook.look() == []
    stamped.keep(assay, [2])
    (again,) = outlook.look()
    end(assay, again, state)
    assay.sweeps.begin(one.work, decision=one.rollout.sequence, seen=2, wanted=1, pending=1)
    assert outlook.look() == []
    assert outlook.ask(stamped.MODEL, "me")[1], "whoever asks gets it"
    (waiting,) = assay.jobs.page(Window(), state="queued").entries
    end(assay, waiting, state)
    stamped.rule(assay, 2, at=now_us() + 1)
    assert len(outlook.look()) == 1


def test_looking_costs_little_where_nothing_changes(assay: Assay, outlook: Outlook) -> None:
    stamped.keep(assay, [1])
    stamped.rule(assay, 1)
    finish(assay, task(outlook))
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.extend([statement] * statement.startswith("SELECT"))

    event.listen(assay.database.engine, "before_cursor_execute", note)  # type: ignore[attr-defined]  # both kinds have one
    assert outlook.look() == []
    assert len(asked) < 8
    assert not any("count(" in one for one in asked)
