"""Rows become what an estimator is given, and labels the truth that it is judged by."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import assay
from assay.domain.question.field import Field
from assay.errors import ApplicationInvalid, BadOutput
from assay.training.lesson import answers, fault_of_target, lesson, timed

LABELS = ("low", "high")


class Stone(assay.Input):
    carat: float = assay.Number()


class Recording(assay.Input):
    audio: str = assay.Audio(rate=4_000, margin_s=0.0)


def spoken(**told: Any) -> assay.Model[Any]:
    return assay.Model("words", input=Recording, target="said", labels=LABELS, metric="average_precision", **told)


def hear(digest: str, field: Field) -> Any:
    """As many seconds as the digest's first figure says, each full of its number."""
    return np.repeat(np.arange(int(digest[0]), dtype=np.float32)[:, None], field.samples, axis=1)


def test_numbers_are_asked_as_a_frame_of_the_fields() -> None:
    model = assay.Model("stone", input=Stone, target="price")
    found = lesson(model, pl.DataFrame({"price": [1, 2], "carat": [0.5, 0.7], "note": ["", ""]}))
    assert found.asked.columns == ["carat"]
    assert found.truth.tolist() == [1.0, 2.0]
    assert found.truth.dtype == np.float64


def test_labels_of_rows_are_marked_each_in_its_column() -> None:
    model = assay.Model("stone", input=Stone, target="said", labels=LABELS, metric="f1")
    found = lesson(model, pl.DataFrame({"carat": [1.0, 2.0, 3.0], "said": ['["high"]', "[]", '["high","low"]']}))
    assert found.truth.tolist() == [[False, True], [False, False], [True, True]]


def test_recordings_are_asked_second_by_second_and_know_their_row() -> None:
    rows = pl.DataFrame({"audio": ["2" * 64, "3" * 64], "said": ['[["low", 0.2, 0.6]]', '[["high", 1.4, 2.8]]']})
    found = lesson(spoken(), rows, hear)
    assert found.asked.shape == (5, 4_000)
    assert found.row.tolist() == [0, 0, 1, 1, 1]
    assert found.truth.tolist() == [[True, False], [False, False], [False, False], [False, False], [False, True]]


def test_recordings_that_nobody_can_hear_are_refused() -> None:
    with pytest.raises(ApplicationInvalid, match="cannot be heard"):
        lesson(spoken(), pl.DataFrame({"audio": ["1" * 64], "said": ["[]"]}))


def test_a_label_is_in_the_second_that_holds_its_middle_and_in_none_beyond_the_last() -> None:
    said = '[["low", 0.8, 1.1], ["high", 0.8, 1.3], ["low", 1.9, 2.3]]'
    assert timed(said, LABELS, 2).tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize(
    ("target", "with_times", "said"),
    [
        (None, False, "must be a JSON list of labels"),
        ("low", False, "must be a JSON list of labels"),
        ('["loud"]', False, "names 'loud'"),
        ('["low"]', True, r"must be a JSON list of \[label, begin, end\]"),
        ('[["low", 2.0, 1.0]]', True, "ends before it begins"),
        ('[["low", -1.0, 1.0]]', True, "ends before it begins"),
        ('[["loud", 0.0, 1.0]]', True, "names 'loud'"),
    ],
)
def test_what_a_row_says_of_its_labels_may_be_wrong(target: str | None, with_times: bool, said: str) -> None:
    assert fault_of_target(target, frozenset(LABELS), with_times=with_times) is not None
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(fault_of_target(target, frozenset(LABELS), with_times=with_times))


def test_what_is_well_said_has_no_fault() -> None:
    assert fault_of_target('["low","high"]', frozenset(LABELS), with_times=False) is None
    assert fault_of_target('[["low",0,0.5]]', frozenset(LABELS), with_times=True) is None


class Says:
    """Answers with what the test says."""

    def __init__(self, told: Any) -> None:
        self.told = told

    def predict_proba(self, asked: Any) -> Any:
        """The confidences that were told."""
        return np.asarray(self.told)


@pytest.mark.parametrize("told", [[[0.5]], [[0.5, 0.2], [0.1, 0.2]], [[0.5, 1.2]], [[0.5, float("nan")]], [0.5, 0.2]])
def test_confidences_that_are_too_few_or_none_are_refused(told: Any) -> None:
    with pytest.raises(BadOutput, match=r"each row and label has|not between 0 and 1"):
        answers(spoken(), Says(told), np.zeros((1, 4_000), np.float32))


def test_good_confidences_are_taken() -> None:
    found = answers(spoken(), Says([[0.5, 1.0]]), np.zeros((1, 4_000), np.float32))
    assert found.tolist() == [[0.5, 1.0]]
