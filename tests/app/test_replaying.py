"""Recorded questions are answered again byte for byte by the versions that answered them, and what differs is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.app import Assay
from assay.app.replaying import FIRST_DIFFERENCES, Tally, replay, replay_since
from assay.clock import now_us
from assay.domain.model import Model
from assay.errors import PredictionNotFound
from assay.store.record.recorder import Entry
from tests import rows, tiny


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home") as opened:
        yield opened


def model(assay: Assay) -> Model[Any]:
    return assay.application.model(None)


def questions(count: int, seed: int = 5) -> bytes:
    draw = np.random.default_rng(seed)
    made = [
        {"carat": float(carat), "cut": str(cut), "color": str(color)}
        for carat, cut, color in zip(
            draw.uniform(0.1, 5, count), draw.choice(["Fair", "Good", "Ideal"], count), draw.choice(list("DEF"), count),
            strict=True,
        )
    ]  # fmt: skip
    return json.dumps(made).encode()


def tampered(assay: Assay, count: int, version: int = tiny.LINEAR) -> None:
    """Recorded answers that the version never gave."""
    asked = json.dumps(tiny.QUESTION)
    given = [rows.prediction_values(question=asked, answer="1.5", value=1.5, version=version) for _ in range(count)]
    assay.recorder.record([Entry(None, given)])


def test_an_answer_is_given_again_byte_for_byte(assay: Assay) -> None:
    for number in (tiny.LINEAR, tiny.ROUGH):
        (given,) = assay.predict("stone", json.dumps(tiny.QUESTION).encode(), number)
        found = replay(assay, model(assay), given.id)
        assert (found.id, found.version, found.equal) == (given.id, number, True)
        assert json.loads(found.question) == tiny.QUESTION
        assert found.recorded == found.recomputed == repr(given.prediction)


def test_answers_to_many_are_given_again_by_the_version_that_gave_them(assay: Assay) -> None:
    assay.predict("stone", questions(2_500))
    assay.predict("stone", questions(700, seed=6), tiny.ROUGH)
    heard: list[tuple[int, int]] = []
    tally = replay_since(assay, model(assay), 0, on_progress=lambda done, of: heard.append((done, of)))
    assert (tally.equal, tally.different, tally.cannot, tally.done) == (3_200, 0, {}, 3_200)
    assert heard[-1] == (3_200, 3_200)
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)


def test_a_tampered_answer_is_found(assay: Assay) -> None:
    assay.predict("stone", questions(10))
    tampered(assay, FIRST_DIFFERENCES + 20)
    tally = replay_since(assay, model(assay), 0)
    assert (tally.equal, tally.different, len(tally.first)) == (10, FIRST_DIFFERENCES + 20, FIRST_DIFFERENCES)
    assert (tally.first[0].recorded, tally.first[0].equal) == ("1.5", False)
    assert tally.first[0].recomputed == replay(assay, model(assay), tally.first[0].id).recomputed != "1.5"


def test_a_whole_number_written_otherwise_is_a_difference_too(assay: Assay) -> None:
    (given,) = assay.predict("stone", json.dumps(tiny.QUESTION).encode())
    asked, answer = json.dumps(tiny.QUESTION), f"{given.prediction:.10f}"
    values = rows.prediction_values(question=asked, answer=answer, value=given.prediction)
    assay.recorder.record([Entry(None, [values])])
    assert not replay(assay, model(assay), values[0]).equal


def test_the_time_and_the_number_limit_what_is_asked_again(assay: Assay) -> None:
    assay.predict("stone", questions(30))
    assert replay_since(assay, model(assay), 0, 7).done == 7
    assert replay_since(assay, model(assay), 0, 1_000).done == 30
    assert replay_since(assay, model(assay), now_us() + 60_000_000).done == 0


def test_a_version_that_is_gone_or_damaged_is_said_to_be_and_the_others_go_on(assay: Assay) -> None:
    assay.predict("stone", questions(20))
    assay.predict("stone", questions(5, seed=6), tiny.ROUGH)
    tampered(assay, 3, version=99)
    manifest = assay.loader.manifest(assay.versions.find("stone", tiny.ROUGH))
    assay.artifacts.path(manifest.files["graph"].sha256).unlink()
    tally = replay_since(assay, model(assay), 0)
    assert (tally.equal, tally.different, tally.done) == (20, 0, 28)
    assert {number: count for number, (count, _) in tally.cannot.items()} == {tiny.ROUGH: 5, 99: 3}
    assert "no version 99" in tally.cannot[99][1]


def test_a_question_that_the_version_does_not_take_harms_only_itself(assay: Assay) -> None:
    assay.predict("stone", questions(20))
    strange = rows.prediction_values(question='{"carat":"heavy"}', answer="1.5", version=tiny.LINEAR)
    assay.recorder.record([Entry(None, [strange])])
    tally = replay_since(assay, model(assay), 0)
    assert (tally.equal, tally.different, tally.cannot[tiny.LINEAR][0]) == (20, 0, 1)


def test_a_list_may_be_shorter_than_a_batch(tmp_path: Path) -> None:
    with tiny.opened(tmp_path / "home", max_rows=10) as assay:
        for seed in range(5):
            assay.predict("stone", questions(10, seed=seed))
        assert replay_since(assay, model(assay), 0).equal == 50


@pytest.mark.parametrize("prediction", ["0" * 32, "x"])
def test_what_was_never_recorded_is_not_found(assay: Assay, prediction: str) -> None:
    with pytest.raises(PredictionNotFound, match="holds no prediction"):
        replay(assay, model(assay), prediction)


def test_an_answer_for_another_model_is_not_found(assay: Assay) -> None:
    values = rows.prediction_values(model="other")
    assay.recorder.record([Entry(None, [values])])
    with pytest.raises(PredictionNotFound):
        replay(assay, model(assay), values[0])
    assert replay_since(assay, model(assay), 0).done == 0


def test_nothing_replayed_is_nothing_done() -> None:
    assert Tally().done == 0


def test_a_record_that_was_tampered_with_is_counted_and_stops_nobody(assay: Assay) -> None:
    assay.predict("stone", json.dumps(tiny.QUESTION).encode())
    question = json.dumps(tiny.QUESTION)
    given = [
        rows.prediction_values(question=one, answer="1.5", value=1.5, version=tiny.LINEAR)
        for one in ("7", f"{question},{question}")
    ]
    assay.recorder.record([Entry(None, given)])
    found = replay_since(assay, model(assay), 0)
    assert found.equal == 1
    assert found.cannot == {tiny.LINEAR: (2, "the record of this answer cannot be read")}
