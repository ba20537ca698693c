"""The one room that every prediction passes: one finished, finite answer a question."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from assay.domain.question.contract import Target
from assay.domain.question.field import Field
from assay.errors import ArtifactRejected, BadOutput, ModelFailed, QuestionInvalid
from assay.serving.engines.compiled import Columns
from assay.serving.loaded import LoadedVersion
from assay.serving.predict import SECONDS_AT_ONCE, confidences, listen, predict
from tests import heard, standins, tiny


def test_answers_come_in_the_order_of_the_questions_and_are_finished() -> None:
    loaded = standins.version(standins.times(10.006))
    questions = standins.asked(loaded, {"carat": 2.0}, {"carat": 1.0}, {"carat": 0.001})
    assert predict(loaded, questions) == [20.01, 10.01, 1.0]


def test_all_questions_are_one_call() -> None:
    loaded = standins.version(standins.times(1))
    predict(loaded, standins.asked(loaded, *[{}] * 50))
    assert loaded.engine.calls == 1  # type: ignore[attr-defined]  # the stand-in counts


@pytest.mark.parametrize("answers", [[], [1.0], [1.0, 2.0, 3.0]])
def test_another_number_of_answers_is_refused(answers: list[float]) -> None:
    loaded = standins.version(lambda _: answers)
    with pytest.raises(BadOutput, match="to 2 questions"):
        predict(loaded, standins.asked(loaded, {}, {}))


@pytest.mark.parametrize("answer", [math.nan, math.inf, -math.inf])
def test_an_answer_that_is_not_finite_is_refused_and_not_hidden_by_the_floor(answer: float) -> None:
    loaded = standins.version(lambda _: [1.0, answer])
    with pytest.raises(BadOutput, match="finite"):
        predict(loaded, standins.asked(loaded, {}, {}))


def test_a_model_that_fails_fails() -> None:
    def call(_: Any) -> Any:
        raise ModelFailed("no")

    loaded = standins.version(call)
    with pytest.raises(ModelFailed):
        predict(loaded, standins.asked(loaded, {}))


# ---- labels, and recordings


RECORDED = heard.CONTRACT
WORDS = msgspec.structs.replace(tiny.CONTRACT, target=Target(name="said", labels=heard.LABELS), similar=None)


class Ears:
    """Hears as many seconds as the digest's first figure says, each full of its own number."""

    def locate(self, digest: str) -> Path:
        """Every digest but one of zeros is kept."""
        if digest.startswith("0"):
            raise ArtifactRejected("missing")
        return Path(digest)

    def windows(self, digest: str, field: Field) -> Any:
        """float32 [seconds, samples]."""
        return np.repeat(np.arange(int(digest[0]), dtype=np.float32)[:, None], field.samples, axis=1)


def recorded(call: Callable[[Columns], Any]) -> LoadedVersion:
    loaded = standins.version(call, contract=RECORDED)
    return dataclasses.replace(loaded, hearing=Ears())


def questions_of(loaded: LoadedVersion, *digests: str) -> list[Any]:
    return [loaded.reader.take({"audio": digest * 64}) for digest in digests]


def shares(columns: Columns) -> Any:
    """A tenth of the second's number for the first label, and half and all of it for the others."""
    seconds = columns["audio"][:, :1] / 100
    return np.concatenate([seconds, seconds / 2, seconds / 4], axis=1)


def test_labels_are_answered_with_a_confidence_each() -> None:
    loaded = standins.version(lambda columns: [[0.25, 0.5, 1.0]] * len(columns["carat"]), contract=WORDS)
    assert predict(loaded, standins.asked(loaded, {}, {})) == [{"low": 0.25, "middle": 0.5, "high": 1.0}] * 2


@pytest.mark.parametrize(
    "answers",
    [[[0.5, 0.5]], [[0.5, 0.5, 1.5]], [[0.5, -0.1, 0.5]], [[0.5, math.nan, 0.5]], [0.5, 0.5, 0.5], [[0.5] * 3] * 2],
)
def test_confidences_that_are_none_or_too_few_are_refused(answers: Any) -> None:
    loaded = standins.version(lambda _: answers, contract=WORDS)
    with pytest.raises(BadOutput):
        predict(loaded, standins.asked(loaded, {}))


def test_recordings_are_answered_second_by_second() -> None:
    loaded = recorded(shares)
    assert predict(loaded, questions_of(loaded, "2", "1")) == [
        {"low": [0.0, 0.01], "middle": [0.0, 0.005], "high": [0.0, 0.0025]},
        {"low": [0.0], "middle": [0.0], "high": [0.0]},
    ]


def test_several_recordings_that_are_decoded_already_are_one_call_and_each_has_its_own_seconds() -> None:
    loaded = recorded(shares)
    seconds = [Ears().windows(digest, heard.FIELD) for digest in ("3", "1", "2")]
    found = listen(loaded, seconds)
    assert [one.shape for one in found] == [(3, 3), (1, 3), (2, 3)]
    assert found[2][:, 0].tolist() == pytest.approx([0.0, 0.01])
    assert loaded.engine.calls == 1  # type: ignore[attr-defined]  # the stand-in counts


def test_a_long_recording_is_asked_in_parts() -> None:
    loaded = recorded(shares)
    found = listen(loaded, [np.zeros((SECONDS_AT_ONCE + 1, heard.FIELD.samples), np.float32)])
    assert found[0].shape == (SECONDS_AT_ONCE + 1, 3)
    assert loaded.engine.calls == 2  # type: ignore[attr-defined]  # the stand-in counts


def test_a_recording_that_is_not_kept_is_named() -> None:
    loaded = recorded(shares)
    with pytest.raises(QuestionInvalid, match="#/audio"):
        predict(loaded, questions_of(loaded, "0"))


def test_both_engines_hear_the_same_and_a_restart_changes_nothing(tmp_path: Path) -> None:
    with heard.opened(tmp_path / "home") as assay:
        dataset = assay.versions.find("notes", heard.DRAWN).dataset
        digest = pl.read_parquet(io.BytesIO(assay.artifacts.get(dataset)))["audio"][0]
        asked = [{"audio": digest}]
        drawn, again, plain = (
            assay.loader.load(assay.versions.find("notes", number))
            for number in (heard.DRAWN, heard.DRAWN, heard.PLAIN)
        )
        first, second, third = (
            confidences(one, [one.reader.take(question) for question in asked])[0] for one in (drawn, again, plain)
        )
    assert first.tobytes() == second.tobytes()
    assert first.dtype == np.float32
    assert (third.shape, (third > 0.5).tolist()) == (first.shape, (first > 0.5).tolist())
