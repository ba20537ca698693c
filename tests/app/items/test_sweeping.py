"""A sweep scores what is left by every version that answers, follows each decision, and reports what it cannot do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from assay.app import Assay
from assay.app.items.deleting import Deleting
from assay.app.items.outlook import BUDGET, Outlook
from assay.app.items.sweeping import Sweeping, rescore
from assay.domain.job import Job
from assay.domain.releases.rollout import Arm
from assay.store.paging import Window
from tests import stamped

DONE = {"scored": 0, "failed": 0, "moved": 0, "ended": "done"}
ARMS = (Arm(version=1, share=0.5), Arm(version=2, share=0.5))


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with stamped.opened(tmp_path / "home") as opened:
        yield opened


def sweep(assay: Assay, report: Any = None, budget_s: float | None = 60) -> dict[str, Any]:
    return Sweeping(assay, stamped.MODEL, report or stamped.Noted(), budget_s=budget_s).run()


def given(assay: Assay, place: int) -> tuple[int, int] | None:
    """The version of what readers are given, and by which decision; its stamp is right in every second."""
    found = assay.latests.find(stamped.COLLECTION, stamped.name(place)).given
    if not found:
        return None
    score = found[0].score
    told = np.frombuffer(score.confidences, "<f4").reshape(score.seconds, 3)
    assert (told[:, 0] == stamped.stamp(score.version)).all()
    assert told[:, 1] == pytest.approx(stamped.loudness(place), abs=1e-3)
    return score.version, found[0].standing.decision


def test_all_items_are_scored_once_and_given_to_readers(assay: Assay) -> None:
    stamped.keep(assay, range(20))
    stamped.rule(assay, 1)
    report = stamped.Noted()
    assert sweep(assay, report) == DONE | {"scored": 20}
    assert {given(assay, place) for place in range(20)} == {(1, 1)}
    assert report.stages[-2:] == [("version 1", 20, 20), ("done", 20, 20)]
    assert sweep(assay) == DONE
    found = assay.sweeps.newest(stamped.COLLECTION, stamped.MODEL, 1)
    assert found is not None
    assert (found.scored, found.pending, found.seen, found.finished_at is not None) == (20, 0, 20, True)


def test_nothing_is_done_where_nothing_is_to_be_done(assay: Assay) -> None:
    assert sweep(assay) == DONE
    stamped.rule(assay, 1)
    assert sweep(assay) == DONE


def test_what_came_since_is_scored_and_nothing_else(assay: Assay) -> None:
    stamped.keep(assay, range(3))
    stamped.rule(assay, 1)
    sweep(assay)
    stamped.keep(assay, [7])
    assert sweep(assay) == DONE | {"scored": 1}
    stamped.keep(assay, [7], seconds=4)
    assert given(assay, 7) is None, "other bytes under the name"
    assert sweep(assay) == DONE | {"scored": 1}
    assert given(assay, 7) == (1, 1)
    Deleting(assay).delete(stamped.COLLECTION, stamped.name(7), "me")
    assert sweep(assay) == DONE


def test_each_decision_is_followed_and_no_version_asked_twice(assay: Assay) -> None:
    stamped.keep(assay, range(5))
    stamped.rule(assay, 1)
    sweep(assay)
    stamped.rule(assay, 2)
    assert given(assay, 0) == (1, 1), "what stood stands until there is something newer"
    assert sweep(assay) == DONE | {"scored": 5}
    assert {given(assay, place) for place in range(5)} == {(2, 2)}
    stamped.keep(assay, [9])
    stamped.rule(assay, 1)
    assert sweep(assay) == DONE | {"scored": 1, "moved": 5}
    assert {given(assay, place) for place in (0, 1, 2, 3, 4, 9)} == {(1, 3)}


def test_a_decision_during_the_sweep_is_followed_at_once(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.app.items.upcoming.LOOK_US", 0)
    stamped.keep(assay, range(30))
    stamped.rule(assay, 1)

    class Decides(stamped.Noted):
        def at(self, stage: str, done: int, total: int) -> None:
            super().at(stage, done, total)
            if stage == "loading version 1":
                stamped.rule(assay, 2)

    found = sweep(assay, Decides())
    assert found["ended"] == "done"
    assert {given(assay, place) for place in range(30)} == {(2, 2)}
    assert found["scored"] < 60, "the first did not go on to its end"


def test_arms_share_the_items_or_score_them_all(assay: Assay) -> None:
    kept = stamped.keep(assay, range(30))
    split = stamped.rule(assay, 1, experiment="x", arms=ARMS)
    assert sweep(assay) == DONE | {"scored": 30}
    found = {place: given(assay, place) for place in range(30)}
    assert found == {place: (split.choose(one.digest), 1) for place, one in enumerate(kept)}
    every = stamped.rule(assay, 1, experiment="x", arms=ARMS, mode="all")
    others = sum(split.choose(one.digest) == 2 for one in kept)
    assert sweep(assay) == DONE | {"scored": 30, "moved": 30 - others}
    assert {given(assay, place) for place in range(30)} == {(1, every.sequence)}
    assert {one.version for one in assay.scores.made(kept[0].id)} == {1, 2}
    moved = msgspec.structs.replace(split, id="0" * 32, arms=(Arm(version=1, share=0.2), Arm(version=2, share=0.8)))
    again = assay.rollouts.append(moved)
    assert sweep(assay) == DONE | {"moved": 30}, "both have scored all by now"
    assert {given(assay, place) for place in range(30)} == {(1, again.sequence), (2, again.sequence)}


def test_a_failing_item_is_reported_and_tried_again_and_stops_nobody(assay: Assay) -> None:
    kept = stamped.keep(assay, range(6))
    held = assay.artifacts.path(kept[2].digest)
    data = held.read_bytes()
    held.write_bytes(b"RIFF")
    stamped.rule(assay, 1)
    assert sweep(assay) == DONE | {"scored": 5, "failed": 1}
    assert given(assay, 2) is None
    (reason,) = assay.failures.reasons(stamped.COLLECTION, stamped.MODEL, 1)
    assert (reason.code, reason.items, reason.example) == ("artifact_rejected", 1, stamped.name(2))
    assert sweep(assay) == DONE, "it rests"
    held.write_bytes(data)
    assay.failures.wake(stamped.MODEL)
    assert sweep(assay) == DONE | {"scored": 1}
    assert given(assay, 2) == (1, 1)


def test_what_a_bad_version_says_is_not_given_and_what_stood_stays(assay: Assay) -> None:
    stamped.keep(assay, [1, stamped.LOUD * 2])
    stamped.rule(assay, 1)
    sweep(assay)
    stamped.rule(assay, stamped.BAD)
    assert sweep(assay) == DONE | {"scored": 1, "failed": 1}
    assert given(assay, stamped.LOUD * 2) == (1, 1)
    (reason,) = assay.failures.reasons(stamped.COLLECTION, stamped.MODEL, stamped.BAD)
    assert reason.code == "model_bad_output"


def test_a_version_that_cannot_be_loaded_rests_and_the_others_go_on(assay: Assay) -> None:
    stamped.keep(assay, range(10))
    version = assay.versions.find(stamped.MODEL, 1)
    graph = assay.loader.manifest(version).files["graph"].sha256
    data = assay.artifacts.get(graph)
    assay.artifacts.drop(graph)
    stamped.rule(assay, 1, experiment="x", arms=ARMS, mode="all")
    report = stamped.Noted()
    assert sweep(assay, report) == DONE | {"scored": 10}
    resting = assay.sweeps.newest(stamped.COLLECTION, stamped.MODEL, 1)
    assert resting is not None
    assert (resting.code, resting.attempts, resting.finished_at) == ("artifact_rejected", 1, None)
    assert any(line.startswith("version 1 rests for ") for line in report.lines)
    assert not any(Outlook(assay).due(one) for one in Outlook(assay).tasks(stamped.MODEL))
    assay.artifacts.put(data)
    assay.sweeps.wake(stamped.MODEL)
    assert sweep(assay) == DONE | {"scored": 10}
    assert given(assay, 0) == (1, 1)
    woken = assay.sweeps.newest(stamped.COLLECTION, stamped.MODEL, 1)
    assert woken is not None
    assert (woken.attempts, woken.code) == (0, "")


def test_whatever_an_author_raises_has_the_version_rest(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    stamped.keep(assay, [1])
    stamped.rule(assay, 1)

    def fails(_: object) -> None:
        raise ZeroDivisionError("of the author's own")

    monkeypatch.setattr(assay.loader, "load", fails)
    assert sweep(assay) == DONE
    resting = assay.sweeps.newest(stamped.COLLECTION, stamped.MODEL, 1)
    assert resting is not None
    assert "ZeroDivisionError" in resting.error


def test_it_ends_when_its_time_is_over_and_goes_on_where_it_stood(
    assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.app.items.scoring.MOST_IN_A_GROUP", 4)
    monkeypatch.setattr("assay.app.items.scoring.ITEMS_AT_ONCE", 2)
    stamped.keep(assay, range(40))
    stamped.rule(assay, 1)

    class Slow(stamped.Noted):
        def at(self, stage: str, done: int, total: int) -> None:
            super().at(stage, done, total)
            time.sleep(1 if stage.startswith("loading") else 0.2)

    first = sweep(assay, Slow(), budget_s=0.3)
    assert first["ended"] == BUDGET
    assert 0 < first["scored"] < 40, "that a version took its time to load does not count"
    assert sweep(assay)["scored"] == 40 - first["scored"]


def test_an_item_that_is_deleted_or_replaced_meanwhile_gets_nothing_it_should_not(assay: Assay) -> None:
    kept = stamped.keep(assay, range(10))
    stamped.rule(assay, 1)
    sounds = assay.sounds
    ahead = sounds.ahead

    def meddling(digests: Any, field: Any) -> Any:
        for place, one in enumerate(ahead(digests, field)):
            if place == 0:
                Deleting(assay).delete(stamped.COLLECTION, stamped.name(5), "me")
                stamped.keep(assay, [6], seconds=3)
            yield one

    sounds.ahead = meddling  # type: ignore[method-assign]  # somebody does so at this very moment
    found = sweep(assay)
    assert found["failed"] == 0
    assert {given(assay, place) for place in (0, 1, 2, 3, 4, 6, 7, 8, 9)} == {(1, 1)}
    assert assay.scores.made(kept[5].id) == []
    assert assay.latests.find(stamped.COLLECTION, stamped.name(6)).item.id != kept[6].id


def test_two_sweeps_at_the_same_time_keep_each_set_once(assay: Assay) -> None:
    kept = stamped.keep(assay, range(40))
    stamped.rule(assay, 1)
    came: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: came.append(sweep(assay))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one["scored"] for one in came) == 40
    assert all(len(assay.scores.history([one.id], Window()).entries) == 1 for one in kept)


def test_the_job_goes_by_the_settings_and_its_last_try_is_careful(assay: Assay) -> None:
    stamped.keep(assay, range(3))
    stamped.rule(assay, 1)
    job = Job(id="0" * 32, at=0, verb="rescore", model=stamped.MODEL, attempts=3, max_attempts=3)
    assert rescore(assay, job, stamped.Noted())["scored"] == 3
    found = assay.sweeps.newest(stamped.COLLECTION, stamped.MODEL, 1)
    assert found is not None
    assert found.failed == 3, "each was marked before it was asked"
    assert assay.failures.reasons(stamped.COLLECTION, stamped.MODEL, 1) == []
