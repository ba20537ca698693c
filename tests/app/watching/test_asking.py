"""Versions are asked for the same recordings: what they cannot answer is noted, and no version's fault is another's."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.app.watching.asking import GIVEN_UP, ROWS_AT_ONCE, Asked, Side, ask
from assay.app.watching.labelled import ControlSet
from assay.domain.question.contract import Contract, Target
from assay.errors import AudioRejected, LeaseLost, ModelFailed, StoreUnavailable
from tests import heard

LABELS = heard.LABELS
SECONDS = {"a" * 64: 3, "b" * 64: 1, "c" * 64: 130}
ROWS = pl.DataFrame({
    "audio": list(SECONDS),
    "utterances": ['[["low",0.2,0.9],["high",2.1,2.2],["low",3.1,3.5]]', "[]", '[["middle",128.9,129.8]]'],
})  # fmt: skip
CONTROL = ControlSet(rows=ROWS, names=("a.flac", "b.flac", "c.flac"), dataset="d" * 64, given=True)
MODEL: Any = SimpleNamespace(contract=heard.CONTRACT, labels=LABELS, target="utterances", fields=heard.CONTRACT.fields)


def windows(digest: str, field: Any) -> Any:
    """float32 [seconds, samples]: as if the recording had been decoded."""
    if digest not in SECONDS:
        raise AudioRejected("It holds no sound.", "no_audio")
    return np.full((SECONDS[digest], field.samples), ord(digest[0]), np.float32)


ASSAY: Any = SimpleNamespace(sounds=SimpleNamespace(windows=windows))


def certain(columns: Any) -> Any:
    """Half sure of everything."""
    return np.full((len(next(iter(columns.values()))), len(LABELS)), 0.5)


def side(
    run: Callable[[Any], Any] = certain, *, number: int = 2, contract: Contract = heard.CONTRACT, **told: Any
) -> Side:
    """A version that answers so."""
    loaded: Any = SimpleNamespace(number=number, contract=contract, engine=SimpleNamespace(run=run))
    return Side(loaded=loaded, own=True, **told)


def asked(*sides: Side, control: ControlSet = CONTROL) -> Asked:
    return ask(ASSAY, MODEL, control, sides)


def test_each_second_is_a_row_and_a_word_is_where_its_middle_is() -> None:
    found = asked(side()).evidence

    assert found.units.tolist() == [0, 0, 0, 1] + [2] * 130
    assert np.argwhere(found.truth).tolist() == [[0, 0], [2, 2], [4 + 129, 1]]
    assert (found.labels, found.threshold, found.names, found.sound) == (LABELS, 0.5, CONTROL.names, True)
    assert found.mine.told.shape == (134, 3)
    assert found.theirs is None
    assert len(found.mine.took_ms) == 3


def test_long_recordings_are_asked_for_in_parts() -> None:
    sizes: list[int] = []

    def run(columns: Any) -> Any:
        sizes.append(len(columns["audio"]))
        return certain(columns)

    asked(side(run))
    assert sizes == [3, 1, 64, 64, 2]


def test_what_is_not_answered_is_noted_of_whom_it_is() -> None:
    def moody(columns: Any) -> Any:
        if columns["audio"][0, 0] == ord("b"):
            raise ModelFailed("/somewhere/secret: it failed")
        if columns["audio"][0, 0] == ord("a"):
            return np.full((2, 3), 0.5)  # one second too few
        return certain(columns)

    found = asked(side(moody), side(number=1)).evidence

    assert found.mine.failed == {
        0: "It gave confidences of shape (2, 3), and (3, 3) was asked for",
        1: (ModelFailed.__doc__ or "").strip().rstrip("."),
    }
    assert np.isnan(found.mine.told[:4]).all()
    assert found.theirs is not None
    assert (found.theirs.version, found.theirs.failed) == (1, {})


def test_confidences_are_kept_as_they_were_told() -> None:
    found = asked(side(lambda columns: np.full((len(columns["audio"]), 3), [np.nan, 2.0, 0.25]))).evidence
    assert np.array_equal(found.mine.told[0], [np.nan, 2.0, 0.25], equal_nan=True)
    assert found.mine.failed == {}


def test_who_fails_again_and_again_is_asked_no_more() -> None:
    count = 0

    def never(columns: Any) -> Any:
        nonlocal count
        count += 1
        raise ModelFailed("it failed")

    many = ControlSet(rows=pl.concat([ROWS[:1]] * 20), names=("a",) * 20, dataset="d" * 64, given=True)
    found = asked(side(never), control=many).evidence

    assert count == GIVEN_UP
    assert len(found.mine.failed) == 20
    assert found.mine.failed[19].startswith("It was not asked any more, after 5 failures in a row")


def test_a_recording_that_nobody_hears_is_left_out() -> None:
    rows = pl.DataFrame({"audio": ["f" * 64, "a" * 64], "utterances": ["[]", "[]"]})
    found = asked(side(), control=ControlSet(rows=rows, names=("f.flac", "a.flac"), dataset="d" * 64, given=True))

    assert found.unheard == {"f.flac": "It holds no sound"}
    assert found.evidence.names == ("a.flac",)
    assert found.evidence.units.tolist() == [0, 0, 0]


@pytest.mark.parametrize("lost", [LeaseLost, StoreUnavailable])
def test_what_ends_the_job_is_no_answer(lost: Any) -> None:
    def away(columns: Any) -> Any:
        raise lost("gone")

    with pytest.raises(lost):
        asked(side(away))


def test_a_model_of_other_labels_than_today_is_asked_for_its_own() -> None:
    target = Target(name="utterances", labels=("high", "old"))
    contract = Contract(model="notes", fields=heard.CONTRACT.fields, target=target, metric="average_precision")
    found = asked(side(lambda columns: np.full((len(columns["audio"]), 2), 0.5), contract=contract)).evidence

    assert found.labels == ("high", "old")
    assert np.argwhere(found.truth).tolist() == [[2, 0]]


def test_rows_are_asked_for_in_parts_and_count_each(tmp_path: Any) -> None:
    import assay

    class Reader(assay.Input):
        """A reader."""

        age: float = assay.Number()

    model = assay.Model("topics", input=Reader, target="liked", labels=("art", "war"), metric="average_precision")
    rows = pl.DataFrame({"age": np.arange(2_500.0), "liked": ['["art"]', "[]", '["art", "war"]', "[]", "[]"] * 500})
    control = ControlSet(rows=rows, names=tuple(map(str, range(2_500))), dataset="d" * 64, given=False)
    sizes: list[int] = []

    def run(columns: Any) -> Any:
        sizes.append(len(columns["age"]))
        return np.full((len(columns["age"]), 2), 0.5)

    found = ask(ASSAY, model, control, [side(run, contract=model.contract)]).evidence

    assert sizes == [ROWS_AT_ONCE, ROWS_AT_ONCE, 500]
    assert found.sound is False
    assert found.truth[:3].tolist() == [[True, False], [False, False], [True, True]]
    assert found.units.tolist() == list(range(2_500))
