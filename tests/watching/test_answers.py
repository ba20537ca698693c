"""What versions answered is laid side by side: which rows both answered, and what was not told."""

from __future__ import annotations

import numpy as np

from assay.watching import answers
from assay.watching.answers import Answers, Evidence


def evidence(mine: Answers, theirs: Answers | None = None, labels: int = 2) -> Evidence:
    return Evidence(
        labels=tuple(f"label {place}" for place in range(labels)), threshold=0.5, names=("a.flac", "b.flac", "c.flac"),
        units=np.array([0, 0, 1, 2, 2]), truth=np.eye(5, labels, dtype=np.bool_), mine=mine, theirs=theirs,
    )  # fmt: skip


def test_rows_of_inputs_without_an_answer_are_no_evidence() -> None:
    told = np.full((5, 2), 0.25)
    told[4] = np.nan
    found = evidence(
        Answers(version=2, told=told, failed={1: "it failed"}),
        Answers(version=1, told=told, failed={0: "it failed, too"}),
    )

    assert found.answered.tolist() == [True, True, False, True, True]
    assert found.both.tolist() == [False, False, False, True, True]
    assert found.there.tolist() == [[True, False], [False, True], [False, False], [False, False]]
    assert found.known.tolist() == [[0.25, 0.25]] * 3 + [[0, 0]]  # what was not told is nought
    assert evidence(found.mine).both.tolist() == found.answered.tolist()


def test_an_input_counts_once_for_a_label_that_is_in_many_of_its_seconds() -> None:
    found = evidence(Answers(version=1, told=np.zeros((5, 2))))

    assert [found.inputs_with(0), found.inputs_with(1)] == [1, 1]
    assert (found.rows, found.inputs) == ("seconds", "recordings")


def test_of_very_many_labels_the_most_frequent_are_watched() -> None:
    count = answers.MOST + 50
    truth = np.zeros((count, count), np.bool_)
    truth[:, 7] = truth[:, count - 1] = truth[0, : answers.MOST - 1] = True
    found = Evidence(
        labels=tuple(map(str, range(count))), threshold=0.5, names=tuple(map(str, range(count))), units=np.arange(count),
        truth=truth, mine=Answers(version=1, told=np.zeros((count, count))), sound=False,
    )  # fmt: skip

    assert found.watched.tolist() == [*range(answers.MOST - 1), count - 1]
    assert (found.rows, found.inputs) == ("rows", "rows")
