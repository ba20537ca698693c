"""Jobs for shadows are made while there is something to ask, one at a time, and not too often."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from assay.app import Assay
from assay.app.experiments import listening
from assay.app.experiments.listening import Listening
from assay.app.experiments.shadowing import Shadowing
from assay.clock import now_us
from assay.domain.job import Job
from assay.store.paging import Window
from tests import rows, tiny
from tests.app.experiments.trying import Silent, answered, ended, standing_in, tried


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home", shadow_interval_s=0.001) as opened:
        standing_in(opened, lambda columns: columns["carat"])
        yield opened


def done(assay: Assay, job: Job, state: Literal["succeeded", "failed"] = "succeeded", *, asked: bool = True) -> None:
    """The job has been done, or ended without anything done."""
    if asked and state == "succeeded":
        Shadowing(assay, "stone", Silent()).run()
    claimed = assay.jobs.claim("a worker", ("shadow",), 60)
    assert claimed is not None
    with assay.database.writing() as connection:
        assay.jobs.finish(connection, job.id, claimed.token or "", state=state)


def test_without_shadows_nothing_is_looked_for(assay: Assay) -> None:
    duty = Listening(assay)
    assert duty.look() == []
    tried(assay)
    assert duty.look() == []


def test_a_job_is_made_while_there_is_something_to_ask(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    duty = Listening(assay)
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    assert duty.look() == [], "nobody has asked anything"
    answered(assay, 2, ago_s=5)
    assert duty.look() == [], "what was asked may still be on its way into the record"
    answered(assay, 2)
    (job,) = duty.look()
    assert (job.verb, job.model, job.by) == ("shadow", "stone", "experiment")
    assert duty.look() == [], "it is there already"
    assert Listening(assay).look() == [], "whoever looks"
    done(assay, job)
    assert duty.look() == []
    monkeypatch.setattr(listening, "AGED_US", 0)
    answered(assay, 1, ago_s=2)
    assert len(duty.look()) == 1


def test_a_shadow_follows_to_the_end_of_its_experiment(assay: Assay) -> None:
    duty = Listening(assay)
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    ended(assay, ago_s=30)
    (job,) = duty.look()
    done(assay, job)
    assert assay.shadows.open("stone") == []
    assert duty.look() == []
    assay.rollouts.append(rows.rollout(tiny.LINEAR))
    assert duty.look() == []


def test_jobs_are_not_made_more_often_than_they_are_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tiny.opened(tmp_path / "patient") as patient:
        standing_in(patient, lambda columns: columns["carat"])
        duty = Listening(patient)
        tried(patient, arms=(), shadows=(tiny.ROUGH,))
        answered(patient, 1)
        (job,) = duty.look()
        done(patient, job)
        monkeypatch.setattr(listening, "AGED_US", 0)
        answered(patient, 1, ago_s=2)
        assert duty.look() == []


def test_after_a_failure_it_waits_a_minute(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    duty = Listening(assay)
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    answered(assay, 1)
    (job,) = duty.look()
    done(assay, job, "failed")
    assert duty.look() == []
    monkeypatch.setattr(listening, "FAILED_REST_US", 0)
    assert len(duty.look()) == 1


def test_old_jobs_are_forgotten(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "KEPT", 2)
    monkeypatch.setattr(listening, "AGED_US", 0)
    duty = Listening(assay)
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    since = now_us()
    for _ in range(5):
        answered(assay, 1, ago_s=1)
        (job,) = duty.look()
        done(assay, job, asked=False)
    found = assay.jobs.page(Window(limit=10, since=since), verb="shadow").entries
    assert len(found) == 3, "the newest, and those that were kept when it was made"
