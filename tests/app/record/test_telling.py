"""What is said of entities is kept of the answers about them, and what cannot be is refused by its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.app.record.telling import Said, tell
from assay.domain.outcome import About
from assay.errors import QuestionInvalid
from assay.store.record.recorder import Entry
from tests import known, rows

EVER = 2**63 - 1
NUMBER, LABELS, TIMED = (f"{place:032x}" for place in (1, 2, 3))


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with known.opened(tmp_path / "home") as opened:
        answers = ((NUMBER, "sales", "2.5"), (LABELS, "tags", '{"b":0.5,"a":0.1}'), (TIMED, "heard", '{"a":[0.5]}'))
        for id, model, answer in answers:
            values = rows.prediction_values(id=id, at=5, model=model, answer=answer)
            opened.recorder.record([Entry(None, [(*values, None, "shops/s1")])])
        yield opened


def said(of: str | About, value: Any, place: str = "#") -> Said:
    return Said(place=place, of=of, value=value, observed_at=7)


def test_predictions_and_entities_stand_in_one_list(assay: Assay) -> None:
    kept = tell(assay, [said(About("sales", "shops/s1", EVER), 3.0), said(NUMBER, 4.0)])
    assert [(one.prediction, one.model, one.value) for one in kept] == [(NUMBER, "sales", 3.0), (NUMBER, "sales", 4.0)]
    assert assay.outcomes.of([NUMBER])[NUMBER].value == 4.0


@pytest.mark.parametrize(
    ("told", "truth"), [(["a", "b", "a"], ("b", "a")), ({"a": True, "b": False}, ("a",)), ([], ()), ({}, ())]
)
def test_labels_are_a_list_or_said_true_or_false(assay: Assay, told: Any, truth: tuple[str, ...]) -> None:
    (kept,) = tell(assay, [said(About("tags", "shops/s1", EVER), told)])
    assert (kept.prediction, kept.value) == (LABELS, truth)


@pytest.mark.parametrize(
    ("of", "value", "pointer", "code"),
    [(About("sales", "shops/s1", 4), 1.0, "#/1/entity", "unknown_prediction"),
     (About("other", "shops/s1", EVER), 1.0, "#/1/entity", "unknown_prediction"),
     (About("sales", "shops/" + "x" * 129, EVER), 1.0, "#/1/entity", "invalid_key"),
     (About("sales", "s1", EVER), 1.0, "#/1/entity", "invalid"), (About("sales", "shops/\0", EVER), 1.0, "#/1/entity", "invalid"),
     ("f" * 32, 1.0, "#/1/prediction", "unknown_prediction"), (NUMBER, ["a"], "#/1/value", "wrong_type"),
     (LABELS, 1.0, "#/1/value", "wrong_type"), (LABELS, ["c"], "#/1/value", "unknown_category"),
     (TIMED, ["a"], "#/1/value", "invalid")],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_place_and_nothing_is_kept(
    assay: Assay, of: str | About, value: Any, pointer: str, code: str
) -> None:
    with pytest.raises(QuestionInvalid) as refused:
        tell(assay, [said(NUMBER, 1.0, "#/0"), said(of, value, "#/1")])
    assert [(one.pointer, one.code) for one in refused.value.faults] == [(pointer, code)]
    assert assay.outcomes.of([NUMBER]) == {}
