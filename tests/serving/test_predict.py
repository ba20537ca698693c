"""The one room that every prediction passes: one finished, finite answer a question."""

from __future__ import annotations

import math
from typing import Any

import pytest

from assay.errors import BadOutput, ModelFailed
from assay.serving.predict import predict
from tests import standins


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
