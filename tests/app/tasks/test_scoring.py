"""Tasks are answered together by the version that rules, and a failure is its own task's alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from assay.app import Assay
from assay.app.tasks.scoring import PAUSE_S, Scoring
from assay.clock import now_us
from assay.domain.releases.rollout import Arm
from assay.serving.engines.compiled import Columns
from assay.store.paging import Window
from assay.store.work.claiming import Batch, Ended
from tests import rows, standins, tiny
from tests.asked import STONE, accept, claim, queued, task

POISON = 13.0


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home") as made:
        yield made


@pytest.fixture
def scoring(assay: Assay) -> Iterator[Scoring]:
    made = Scoring(assay)
    yield made
    made.close()


def do(assay: Assay, scoring: Scoring, batch: Batch | None = None) -> dict[str, Ended]:
    """Does a batch to its end; what was told of each job."""
    batch = batch or claim(assay.claiming)
    told: dict[str, Ended] = {}
    for part in scoring.do(batch):
        assert assay.claiming.finish(batch, part) == []
        told |= {one.id: one for one in part}
    assert set(told) == {job.id for job in batch.jobs}
    return told


def stand_in(scoring: Scoring, call: Any, number: int = 1) -> standins.CallEngine:
    """From now on the version of this number answers as the function says."""
    version = standins.version(call, number=number)
    scoring._loaded["stone", number] = version
    assert isinstance(version.engine, standins.CallEngine)
    return version.engine


def poisonous(columns: Columns) -> Any:
    """A model that cannot be asked about stones of one weight."""
    weights = np.asarray(columns["carat"], np.float64)
    if (weights == POISON).any():
        raise RuntimeError("cannot be asked")
    return weights * 100


def stones(*weights: float) -> list[dict[str, Any]]:
    return [tiny.QUESTION | {"carat": weight} for weight in weights]


def test_tasks_are_answered_as_the_route_would_answer_them(assay: Assay, scoring: Scoring) -> None:
    single, many = accept(assay.database, task(tiny.QUESTION), task(stones(1.0, 2.0)))
    do(assay, scoring)
    one, two = assay.jobs.find(single), assay.jobs.find(many)
    ruling = assay.ruling("stone").version
    assert (one.state, one.result["version"], one.result["model"]) == ("succeeded", ruling, "stone")
    assert [answer["version"] for answer in two.result] == [ruling] * 2
    assert two.result[0]["prediction"] == one.result["prediction"] != two.result[1]["prediction"]


def test_the_answers_are_in_the_record_with_the_exchange_of_their_submission(assay: Assay, scoring: Scoring) -> None:
    sent = b'{"cut": "Ideal",  "carat": 1.0, "color": "E"}'
    accept(assay.database, task(sent, exchange="ab" * 16), task(stones(1.0, 2.0), exchange="cd" * 16))
    told = do(assay, scoring)
    of_one = assay.predictions.page(Window(), exchange="ab" * 16).entries
    assert [(bytes(one.question), one.role, one.position) for one in of_one] == [(sent, "answer", 0)]
    of_many = assay.predictions.page(Window(), exchange="cd" * 16).entries
    assert [one.position for one in of_many] == [1, 0]
    ids = [one["id"] for ended in told.values() for one in _list(msgspec.json.decode(ended.result or ""))]
    assert sorted(ids) == sorted(one.id for one in (*of_one, *of_many))


def test_all_of_a_batch_are_one_call(assay: Assay, scoring: Scoring) -> None:
    engine = stand_in(scoring, poisonous)
    queued(assay.database, 50)
    do(assay, scoring)
    assert engine.calls == 1


@pytest.mark.parametrize("place", [0, 7, 19])
def test_a_task_that_cannot_be_answered_fails_alone(assay: Assay, scoring: Scoring, place: int) -> None:
    engine = stand_in(scoring, poisonous)
    weights = [1.0 + number / 100 for number in range(20)]
    weights[place] = POISON
    ids = accept(assay.database, *(task(one) for one in stones(*weights)))
    do(assay, scoring)
    found = [assay.jobs.find(id) for id in ids]
    assert [job.state for job in found] == ["failed" if at == place else "succeeded" for at in range(20)]
    assert (found[place].code, found[place].attempts) == ("model_error", 1)
    assert [job.result["prediction"] for job in found if job.result] == [
        round(weight * 100, 2) for weight in weights if weight != POISON
    ]
    assert engine.calls <= 1 + 2 * 5, "halves are asked, and not each task"


def test_a_question_that_the_version_does_not_take_fails_alone(assay: Assay, scoring: Scoring) -> None:
    good, bad = accept(assay.database, task(), task({"weight": 1}))
    do(assay, scoring)
    assert assay.jobs.find(good).state == "succeeded"
    assert (assay.jobs.find(bad).state, assay.jobs.find(bad).code) == ("failed", "question_invalid")


def test_a_version_that_is_named_answers_whoever_rules(assay: Assay, scoring: Scoring) -> None:
    ids = accept(assay.database, task(version=tiny.ROUGH), task(), task(version=tiny.BROKEN), task(version=99))
    do(assay, scoring)
    found = [assay.jobs.find(id) for id in ids]
    assert found[0].result["version"] == tiny.ROUGH
    assert found[1].result["version"] == assay.ruling("stone").version
    assert [(job.state, job.code) for job in found[2:]] == [
        ("failed", "version_rejected"),
        ("failed", "version_not_found"),
    ]


def test_who_ruled_when_they_were_claimed_answers(assay: Assay, scoring: Scoring) -> None:
    (id,) = queued(assay.database)
    batch = claim(assay.claiming)
    assay.promote("stone", tiny.ROUGH, by="test")
    do(assay, scoring, batch)
    assert assay.jobs.find(id).result["version"] == tiny.LINEAR
    (later,) = queued(assay.database)
    do(assay, scoring)
    assert assay.jobs.find(later).result["version"] == tiny.ROUGH


def test_during_an_experiment_a_subject_falls_to_its_arm(assay: Assay, scoring: Scoring) -> None:
    arms = (Arm(version=tiny.LINEAR, share=0.5), Arm(version=tiny.ROUGH, share=0.5))
    rollout = assay.rollouts.append(
        rows.rollout(model="stone", version=tiny.LINEAR, at=now_us(), experiment="halves", arms=arms)
    )
    told = [task(exchange=f"{number:032x}", subject=f"user {number}") for number in range(20)]
    ids = accept(assay.database, *told)
    do(assay, scoring)
    drawn = [rollout.choose(f"user {number}") for number in range(20)]
    assert {tiny.LINEAR, tiny.ROUGH} == set(drawn)
    assert [assay.jobs.find(id).result["version"] for id in ids] == drawn
    (kept,) = assay.predictions.page(Window(), exchange=f"{3:032x}").entries
    assert (kept.version, kept.experiment) == (drawn[3], "halves")


def test_a_task_without_an_attempt_left_is_not_done(assay: Assay, scoring: Scoring) -> None:
    engine = stand_in(scoring, poisonous)
    (id,) = queued(assay.database)
    batch = claim(assay.claiming)
    spent = msgspec.structs.replace(batch, jobs=[msgspec.structs.replace(batch.jobs[0], attempts=4)])
    do(assay, scoring, spent)
    found = assay.jobs.find(id)
    assert (found.state, found.code, found.error) == ("failed", "worker_lost", "its worker was lost 3 times")
    assert engine.calls == 0


def test_a_version_that_cannot_be_loaded_now_is_asked_later(assay: Assay, scoring: Scoring) -> None:
    version = assay.version("stone")
    manifest = assay.loader.manifest(version)
    file = assay.artifacts.confirmed(manifest.files["graph"].sha256)
    hidden = file.rename(file.with_name("hidden"))
    ids = queued(assay.database, 3)
    told = do(assay, scoring)
    assert {(one.told, one.code, one.pause_s) for one in told.values()} == {("again", "artifact_rejected", PAUSE_S)}
    assert {assay.jobs.find(id).state for id in ids} == {"queued"}
    hidden.rename(file)


def test_who_is_to_be_told_of_the_end_is(assay: Assay, scoring: Scoring) -> None:
    stand_in(scoring, poisonous)
    good, bad, silent = accept(
        assay.database, task(webhook="https://a.example"), task(stones(POISON), webhook="https://b.example"), task()
    )
    told = do(assay, scoring)
    assert told[good].notice == {"task": good, "url": "https://a.example"}
    assert told[bad].notice == {"task": bad, "url": "https://b.example"}
    assert told[silent].notice is None


def test_only_the_last_versions_stay_loaded(assay: Assay, scoring: Scoring) -> None:
    for number in range(2, 12):
        stand_in(scoring, poisonous, number)
    queued(assay.database)
    do(assay, scoring)
    assert len(scoring._loaded) <= 10
    assert STONE.model == "stone"


def _list(told: Any) -> list[Any]:
    return told if isinstance(told, list) else [told]
