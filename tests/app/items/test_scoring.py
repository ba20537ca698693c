"""Recordings are asked together and kept as complete sets; one that fails harms only itself, and a version rests as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.app import Assay
from assay.app.items import scoring
from assay.app.items.outlook import Outlook
from assay.app.items.scoring import Basket, Scoring, VersionRests
from assay.domain.items.item import Item
from assay.domain.question.reader import QuestionReader
from assay.errors import ModelFailed, ModelTimedOut, RemoteModelRefused, RemoteModelResting
from assay.serving.engines.compiled import Columns
from assay.serving.loaded import LoadedVersion
from assay.store.items.remaining import Waiting
from tests import heard, stamped
from tests.standins import CallEngine


def halves(columns: Columns) -> Any:
    """A model that is never sure."""
    return np.full((len(columns["audio"]), 3), 0.5)


class Endpoint:
    """A version that is told where a recording is; it answers as the test says."""

    def __init__(self, answer: Callable[[str, int], Any]) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def detect(self, file: Path, seconds: int, *, name: str = "") -> Any:
        """What the test says."""
        assert file.exists()
        self.asked.append(name)
        return np.asarray(self.answer(name, seconds), np.float32)

    def run(self, columns: Columns) -> Any:
        """Nobody asks it so."""
        raise AssertionError(columns)

    def close(self) -> None:
        """Nothing to end."""


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with stamped.opened(tmp_path / "home") as opened:
        stamped.rule(opened, 1)
        yield opened


class Trial:
    """A way through items by a version of the test's own."""

    def __init__(self, assay: Assay, engine: Any, *, careful: bool = False) -> None:
        self.assay = assay
        self.task = Outlook(assay).tasks(stamped.MODEL)[0]
        version = LoadedVersion(
            model=stamped.MODEL, number=1, contract=heard.CONTRACT, reader=QuestionReader(heard.CONTRACT), engine=engine,
            rows=None, hearing=assay.sounds,
        )  # fmt: skip
        sweep = assay.sweeps.begin(self.task.work, decision=1, seen=0, wanted=0, pending=0)
        self.heard: list[int] = []
        self.basket = Basket(assay, version, sweep, self.heard.append)
        self.scoring = Scoring(assay, version, self.upcoming(), self.basket, careful=careful)

    def upcoming(self) -> list[Waiting]:
        """What waits, all at once."""
        return self.assay.remaining.page(self.task.work)

    def said(self, place: int) -> Any:
        """The confidences of an item, float32 [seconds, labels]; None where there are none."""
        given = self.assay.latests.find(stamped.COLLECTION, stamped.name(place)).given
        return np.frombuffer(given[0].score.confidences, "<f4").reshape(-1, 3) if given else None

    def code(self, item: Item) -> str:
        """Why there are none."""
        return "".join(one.code for one in self.assay.failures.of_item(item.id))


def test_short_recordings_are_asked_together_and_each_set_is_whole(assay: Assay) -> None:
    stamped.keep(assay, range(10), seconds=3)
    engine = CallEngine(lambda columns: np.abs(columns["audio"]).mean(axis=1, keepdims=True) * [0, 1, 1])
    trial = Trial(assay, engine)
    trial.scoring.run()
    assert engine.calls == 1
    assert (trial.basket.scored, trial.basket.failed, sum(trial.heard)) == (10, 0, 10)
    for place in range(10):
        assert trial.said(place).shape == (3, 3)
        assert trial.said(place)[1, 1] == pytest.approx(stamped.loudness(place), abs=1e-3), "it is its own"
    sweep = assay.sweeps.find(trial.task.work)
    assert sweep is not None
    assert 0 < sweep.took_us < sweep.spent_us


def test_a_long_recording_is_kept_as_one_set(assay: Assay) -> None:
    stamped.keep(assay, [3], seconds=150)
    engine = CallEngine(halves)
    trial = Trial(assay, engine)
    trial.scoring.run()
    assert engine.calls > 1
    assert trial.said(3).shape == (150, 3)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda columns: np.full((len(columns["audio"]) + 1, 3), 0.5), "model_bad_output"),
        (lambda columns: np.full((len(columns["audio"]) - 1, 3), 0.5), "model_bad_output"),
        (lambda columns: np.full((len(columns["audio"]), 2), 0.5), "model_bad_output"),
        (lambda columns: np.full((len(columns["audio"]), 3), 1.7), "model_bad_output"),
        (lambda columns: np.full((len(columns["audio"]), 3), -0.1), "model_bad_output"),
        (lambda columns: np.full((len(columns["audio"]), 3), np.nan), "model_bad_output"),
        (lambda columns: columns["nothing"], "model_error"),
    ],
)
def test_an_answer_that_is_none_is_a_failure_and_what_stood_stays(
    assay: Assay, answer: Callable[[Columns], Any], code: str
) -> None:
    item, other = stamped.keep(assay, [1, stamped.LOUD], seconds=3)
    first = Trial(assay, CallEngine(halves))
    first.scoring.run()
    stamped.rule(assay, 1)
    later = Trial(assay, CallEngine(answer))
    later.scoring.run()
    assert (later.basket.scored, later.code(item)) == (0, ""), "it is scored already, and not asked again"
    (third,) = stamped.keep(assay, [2], seconds=3)
    again = Trial(assay, CallEngine(answer))
    again.scoring.run()
    assert (again.code(third), again.basket.failed) == (code, 1)
    assert again.said(1) is not None
    assert again.said(stamped.LOUD) is not None
    assert other.name == stamped.name(stamped.LOUD)


def test_one_that_fails_among_others_harms_only_itself(assay: Assay) -> None:
    kept = stamped.keep(assay, [1, 2, stamped.LOUD * 8, 3], seconds=2)

    def answer(columns: Columns) -> Any:
        if np.abs(columns["audio"]).max() > 0.5:
            raise RuntimeError("too loud")
        return halves(columns)

    trial = Trial(assay, CallEngine(answer))
    trial.scoring.run()
    assert (trial.basket.scored, trial.basket.failed) == (3, 1)
    assert trial.code(kept[2]) == "model_error"


def test_a_recording_whose_bytes_are_gone_or_damaged_fails_and_the_others_do_not(assay: Assay) -> None:
    gone, damaged, good = stamped.keep(assay, [1, 2, 3], seconds=2)
    assay.artifacts.path(gone.digest).unlink()
    assay.artifacts.path(damaged.digest).write_bytes(b"RIFF")
    trial = Trial(assay, CallEngine(halves))
    trial.scoring.run()
    assert [trial.code(one) for one in (gone, damaged, good)] == ["artifact_rejected", "artifact_rejected", ""]
    assert trial.said(3) is not None


def test_a_version_that_fails_again_and_again_rests_and_its_items_are_tried_soon(assay: Assay) -> None:
    kept = stamped.keep(assay, range(30), seconds=2)

    def answer(_: Columns) -> Any:
        raise ModelTimedOut("too late")

    trial = Trial(assay, CallEngine(answer))
    with pytest.raises(VersionRests, match="too late") as rests:
        trial.scoring.run()
    assert rests.value.cause.code == "model_timeout"
    assert trial.basket.failed == scoring.FAILURES_IN_A_ROW
    assert [trial.code(one) for one in (kept[-1], kept[0])] == ["model_timeout", ""]


def test_an_endpoint_is_told_where_each_recording_is_and_may_be_silent(assay: Assay) -> None:
    stamped.keep(assay, [1, 2], seconds=2)
    silent = [[np.nan, 0.9, np.nan]] * 2
    engine = Endpoint(lambda name, _: silent if name == stamped.name(1) else [[0.1, 0.2, 0.3]] * 2)
    trial = Trial(assay, engine)
    trial.scoring.run()
    assert sorted(engine.asked) == [stamped.name(1), stamped.name(2)]
    assert np.isnan(trial.said(1)).sum() == 4
    assert trial.said(2).tolist() == np.array([[0.1, 0.2, 0.3]] * 2, np.float32).tolist()


def test_an_endpoint_that_rests_is_left_alone_and_no_item_is_blamed(assay: Assay) -> None:
    kept = stamped.keep(assay, [1, 2, 3], seconds=2)

    def answer(name: str, seconds: int) -> Any:
        if name == stamped.name(3):
            return [[0.5] * 3] * seconds
        raise RemoteModelResting("in 5 s")

    trial = Trial(assay, Endpoint(answer))
    with pytest.raises(VersionRests, match="5 s"):
        trial.scoring.run()
    assert (trial.basket.scored, trial.code(kept[1])) == (1, ""), "what was said before is kept"


def test_an_endpoint_that_refuses_some_items_goes_on_with_the_others(assay: Assay) -> None:
    stamped.keep(assay, range(14), seconds=2)

    def answer(name: str, seconds: int) -> Any:
        if name == stamped.name(0):
            return [[0.5] * 3] * seconds
        raise RemoteModelRefused("unknown")

    trial = Trial(assay, Endpoint(answer))
    trial.scoring.run()
    assert (trial.basket.scored, trial.basket.failed) == (1, 13)


def test_whoever_is_careful_marks_each_item_before_it_is_asked(assay: Assay) -> None:
    kept = stamped.keep(assay, [1, 2], seconds=2)
    seen: list[list[str]] = []

    def answer(columns: Columns) -> Any:
        seen.append([trial.code(one) for one in kept])
        if len(seen) == 2:
            raise SystemExit  # as if the process ended
        return halves(columns)

    trial = Trial(assay, CallEngine(answer), careful=True)
    with pytest.raises(SystemExit):
        trial.scoring.run()
    assert seen == [["", "worker_lost"], ["worker_lost", ""]]
    assert (trial.said(2) is not None, trial.code(kept[0])) == (True, "worker_lost")


def test_groups_are_kept_as_they_are_full(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "MOST_IN_A_GROUP", 4)
    monkeypatch.setattr(scoring, "ITEMS_AT_ONCE", 2)
    monkeypatch.setattr(scoring, "CHECKPOINT_EVERY", 1)
    stamped.keep(assay, range(9), seconds=2)
    trial = Trial(assay, CallEngine(halves))
    trial.scoring.run()
    assert trial.heard == [4, 4, 1]


def test_a_seconds_count_that_is_not_the_items_is_no_set(assay: Assay) -> None:
    (item,) = stamped.keep(assay, [1], seconds=2)
    trial = Trial(assay, CallEngine(halves))
    longer = [one._replace(seconds=3) for one in trial.upcoming()]
    trial.scoring._upcoming = longer
    trial.scoring.run()
    assert trial.code(item) == "model_bad_output"


def test_what_a_model_raises_is_its_failure() -> None:
    assert issubclass(ModelFailed, scoring.OF_MODELS)
