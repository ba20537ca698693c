"""P29: who takes part in an experiment, how it is told, and what is looked at of it, is counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.app.experiments import comparing, hearing, listening, shadowing
from assay.app.experiments.listening import Listening
from assay.clock import new_id, now_us
from assay.domain.job import Job
from assay.domain.releases.rollout import Arm
from assay.errors import ExperimentInvalid
from assay.releasing.experiment import Plan, check
from assay.store.paging import Window
from tests import stamped, tiny
from tests.app.experiments.trying import Silent, answered, standing_in, tried
from tests.promises.limits import limit, tries
from tests.promises.servers import Answer, Server, copy_of, start

PATH = "/v1/models/stones/experiment"


@pytest.fixture(scope="module")
def database_kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture(scope="module")
def server(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which no experiment runs."""
    running = start(copy_of(trained, tmp_path_factory.mktemp("limits") / "home"))
    yield running
    assert running.alive()
    running.kill()


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home", shadow_interval_s=0.001) as opened:
        yield opened


def plan(server: Server, **told: Any) -> Answer:
    """The answer to a plan in which the version 99 is to take part, which there is not."""
    arms = [{"version": 1, "share": 0.5}, {"version": 99, "share": 0.5}]
    return server.ask(PATH, json.dumps({"arms": arms} | told).encode())


def refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.code) == (status, code), answer.body[:300]


@tries("subject")
def test_bytes_of_a_subject(server: Server) -> None:
    longest = limit("subject")
    for subject in ("x" * longest, "ü" * (longest // 2)):
        named = {"X-Assay-Subject": subject.encode().decode("latin-1")}
        assert server.predict(headers=named).status == 200
        refused(server.predict(headers={"X-Assay-Subject": named["X-Assay-Subject"] + "x"}), 400, "bad_subject")


@tries("arms", "shadows")
def test_who_takes_part() -> None:
    def arms(count: int) -> tuple[Arm, ...]:
        return tuple(Arm(version=number, share=1 / count) for number in range(1, count + 1))

    check(Plan(arms=arms(limit("arms"))), 1)
    check(Plan(shadows=tuple(range(2, 2 + limit("shadows")))), 1)
    for beyond in (Plan(arms=arms(limit("arms") + 1)), Plan(shadows=tuple(range(2, 3 + limit("shadows"))))):
        with pytest.raises(ExperimentInvalid):
            check(beyond, 1)


@tries("experiment-name", "experiment-reason", "plan-body")
def test_how_an_experiment_is_told(server: Server) -> None:
    refused(plan(server, name="x" * limit("experiment-name")), 404, "version_not_found")
    refused(plan(server, name="x" * (limit("experiment-name") + 1)), 422, "experiment_invalid")
    refused(plan(server, reason="x" * limit("experiment-reason")), 404, "version_not_found")
    refused(plan(server, reason="x" * (limit("experiment-reason") + 1)), 422, "invalid")
    longest = limit("plan-body")
    refused(server.ask(PATH, b"{}".ljust(longest)), 422, "experiment_invalid")
    refused(server.ask(PATH, b"{}".ljust(longest + 1)), 413, "too_large")


@tries("compared-answers")
def test_answers_that_a_comparison_looks_at(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "LOOK", 20)
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    answered(assay, 19, version=tiny.LINEAR)
    assert comparing.compare(assay, "stone").whole
    answered(assay, 3, version=tiny.LINEAR, ago_s=50)
    found = comparing.compare(assay, "stone")
    assert (found.whole, found.arms[0].asks) == (False, 20)


@tries("compared-items")
def test_items_that_a_comparison_looks_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "NEWEST", 3)
    with stamped.opened(tmp_path / "home") as assay:
        for count, seen in ((3, 3), (1, 3)):
            stamped.keep(assay, range(count))
            contract = assay.loader.manifest(assay.versions.find(stamped.MODEL, 1)).contract
            assert hearing.items_found(assay, stamped.MODEL, [1], contract)[0].items == seen


@tries("shadow-batch")
def test_questions_that_a_shadow_is_asked_at_once(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadowing, "BATCH", 4)
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    asked = standing_in(assay, lambda columns: columns["carat"])
    answered(assay, 9)
    shadowing.Shadowing(assay, "stone", Silent()).run()
    assert [len(one) for one in asked] == [4, 4, 1]


@tries("shadow-jobs")
def test_jobs_of_shadows_that_are_kept(assay: Assay) -> None:
    kept = limit("shadow-jobs")
    assert kept == listening.KEPT
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    answered(assay, 1)
    for _ in range(kept + 5):
        assay.jobs.add(Job(id=new_id(), at=now_us(), verb="shadow", model="stone", state="succeeded", finished_at=1))
    assert len(Listening(assay).look()) == 1
    found = assay.jobs.page(Window(limit=1_000), verb="shadow", state="succeeded").entries
    assert len(found) == kept
