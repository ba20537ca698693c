"""What is measured of a version: its own answers, how long one takes, and how recorded answers would change."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from assay.app.evidence import answers, compare, latency_ms, replay, sentence, value
from assay.clock import new_id, now_us
from assay.domain.model import Model
from assay.errors import ArtifactRejected, BadOutput, ModelTimedOut, VersionRejected
from assay.sources.application import Application
from assay.store.record.predictions import Recorded
from tests import standins, tiny

STONES = pl.DataFrame({
    "carat": [1.0, 2.0, 4.0], "cut": ["Fair"] * 3, "color": ["D"] * 3, "price": [10.0, 20.0, 40.0],
})  # fmt: skip


@pytest.fixture(scope="module")
def stone() -> Model[Any]:
    return Application.at(tiny.application()).model(None)


def recorded(before: float | None, **told: Any) -> Recorded:
    """An answer of the record."""
    return Recorded(
        id=new_id(), at=now_us(), model="stone", version=1, role="answer", value=before, took_us=5, exchange=None,
        position=0, question=msgspec.Raw(msgspec.json.encode(tiny.QUESTION | told)), answer=msgspec.Raw(b"1.5"),
    )  # fmt: skip


def test_a_version_is_judged_by_its_own_answers_before_the_floor() -> None:
    assert answers(standins.version(standins.times(-10)), STONES).tolist() == [-10.0, -20.0, -40.0]


def test_many_rows_are_asked_in_chunks_and_answered_in_order() -> None:
    many = pl.concat([STONES] * 20_000)
    version = standins.version(standins.times(10))
    assert (answers(version, many) == 10 * many["carat"].to_numpy()).all()
    assert 1 < version.engine.calls < 10  # type: ignore[attr-defined]  # the stand-in counts


def test_what_is_no_answer_to_each_row_is_refused() -> None:
    with pytest.raises(BadOutput):
        answers(standins.version(lambda columns: [1.0]), STONES)
    with pytest.raises(BadOutput):
        answers(standins.version(lambda columns: [1.0, float("nan"), 2.0]), STONES)
    with pytest.raises(VersionRejected, match="asks for 'color'"):
        answers(standins.version(standins.times(1)), STONES.drop("color"))


def test_one_question_is_timed_alone_and_a_slow_version_not_two_hundred_times() -> None:
    def slow(columns: Any) -> Any:
        assert len(columns["carat"]) == 1
        time.sleep(0.5)
        return columns["carat"]

    version = standins.version(slow)
    took = latency_ms(version, STONES)
    assert took is not None
    assert took >= 500
    assert version.engine.calls == 5  # type: ignore[attr-defined]  # the stand-in counts
    assert latency_ms(version, STONES.clear()) is None


def test_gains_are_shares_of_the_champions_metric_over_all_and_by_segment(stone: Model[Any]) -> None:
    truth = STONES["price"].to_numpy()
    overall, segments = compare(stone, STONES, truth + 10, truth + 5)
    assert overall is not None
    assert (overall.champion, overall.candidate, overall.gain) == (10.0, 5.0, 0.5)
    assert (overall.low, overall.high, overall.better) == (0.5, 0.5, 1.0)
    assert list(segments) == ["carat >=1"]
    worse, _ = compare(stone, STONES, truth + 5, truth + 10)
    assert worse is not None
    assert (worse.gain, worse.low, worse.better) == (-1.0, -1.0, 0.0)
    assert value(stone, STONES, truth + 5) == 5.0


def test_a_perfect_champion_is_not_beaten_and_nothing_breaks(stone: Model[Any]) -> None:
    truth = STONES["price"].to_numpy()
    found, _ = compare(stone, STONES, truth, truth + 1)
    assert found is not None
    assert (found.champion, found.low < 0) == (0.0, True)


def test_no_rows_are_no_comparison(stone: Model[Any]) -> None:
    assert compare(stone, STONES.clear(), np.empty(0), np.empty(0)) == (None, {})
    assert value(stone, STONES.clear(), np.empty(0)) is None


def test_recorded_answers_are_compared_with_new_ones_and_the_biggest_changes_are_told() -> None:
    asked = [recorded(10.0, carat=1.0), recorded(20.0, carat=2.2), recorded(40.0, carat=6.0), recorded(None, carat=7.0)]
    found, told = replay(standins.version(standins.times(10)), asked, 0.2)
    assert (found.asked, found.beyond, found.refused, found.largest) == (3, 1, 0, 0.5)
    assert [(one["before"], one["after"]) for one in told["biggest"]] == [(40.0, 60.0), (20.0, 22.0)]
    assert told["biggest"][0]["question"]["carat"] == 6.0
    assert told["quantiles"]["0.5"] == pytest.approx(0.1)


def test_questions_that_the_version_takes_no_more_are_counted() -> None:
    found, _ = replay(standins.version(standins.times(10)), [recorded(10.0), recorded(10.0, cut="Excellent")], None)
    assert (found.asked, found.beyond, found.refused) == (2, 0, 1)


def test_an_answer_that_was_nothing_changes_as_a_whole() -> None:
    found, _ = replay(standins.version(standins.times(10)), [recorded(0.0)], 0.9)
    assert (found.beyond, found.largest) == (1, 1.0)
    assert replay(standins.version(standins.times(10)), [], 0.9)[0].asked == 0


def test_a_verdict_names_no_path_and_no_message_of_a_library() -> None:
    assert sentence(ArtifactRejected("/home/me/secret is gone")) == (
        "A file of the version is missing, damaged, or not what it says"
    )
    assert sentence(ModelTimedOut("The model did not answer within 30 s.")) == "The model did not answer within 30 s"
