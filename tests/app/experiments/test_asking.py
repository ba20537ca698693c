"""A version that fails is asked by halves until it is known at what; one that never answers is not asked for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.app import Assay
from assay.app.experiments import asking as module
from assay.app.experiments.asking import Asking
from assay.errors import BadOutput, ModelFailed, ModelTimedOut, StoreUnavailable
from assay.store.record.questions import Question
from tests import tiny
from tests.app.experiments.trying import COLUMNS, carat, standing_in


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home") as opened:
        yield opened


def questions(*weights: float) -> list[Question]:
    return [Question(f"{place:032x}", carat(weight), f"{place:032d}", place) for place, weight in enumerate(weights)]


def values(rows: list[Any]) -> list[float]:
    return [row[COLUMNS.index("value")] for row in rows]


def test_all_are_asked_at_once(assay: Assay) -> None:
    asked = standing_in(assay, lambda columns: 10 * np.asarray(columns["carat"]))
    said = Asking(assay, "stone", tiny.ROUGH).ask(questions(1.0, 2.0, 3.0), "checkout")
    assert (values(said.rows), dict(said.skipped), len(asked)) == ([10.0, 20.0, 30.0], {}, 1)
    row = dict(zip(COLUMNS, said.rows[1], strict=True))
    assert (row["role"], row["version"], row["experiment"], row["position"]) == ("shadow", 2, "checkout", 1)
    assert (row["exchange"], row["question"], row["answer"]) == (f"{1:032d}", carat(2.0), "20.0")


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (ModelFailed("died"), "model_error"), (BadOutput(), "model_bad_output"), (ValueError("odd"), "model_error"),
        (MemoryError(), "model_error"),
    ],
)  # fmt: skip
def test_who_fails_at_some_answers_the_others(assay: Assay, failure: Exception, code: str) -> None:
    def fail(columns: Any) -> Any:
        if 13.0 in columns["carat"]:
            raise failure
        return columns["carat"]

    asked = standing_in(assay, fail)
    weights = [float(one) for one in range(1, 17)]
    said = Asking(assay, "stone", tiny.ROUGH).ask(questions(*weights), None)
    assert values(said.rows) == [one for one in weights if one != 13.0]
    assert dict(said.skipped) == {code: 1}
    assert len(asked) <= 2 * 4 + 1, "by halves"


def test_an_answer_that_is_no_number_is_none(assay: Assay) -> None:
    standing_in(assay, lambda columns: [np.nan if one == 2.0 else one for one in columns["carat"]])
    said = Asking(assay, "stone", tiny.ROUGH).ask(questions(1.0, 2.0, 3.0), None)
    assert (values(said.rows), dict(said.skipped)) == ([1.0, 3.0], {"model_bad_output": 1})


def test_what_the_version_does_not_take_is_not_asked(assay: Assay) -> None:
    asked = standing_in(assay, lambda columns: columns["carat"])
    some = questions(1.0, 2.0)
    some.append(Question("f" * 32, '{"carat":1.0,"cut":"Great","color":"E"}', "e", 0))
    some.append(Question("f" * 32, "no JSON", "e", 0))
    said = Asking(assay, "stone", tiny.ROUGH).ask(some, None)
    assert (len(said.rows), dict(said.skipped)) == (2, {"question_invalid": 1, "malformed_json": 1})
    assert asked == [[1.0, 2.0]]


def test_failures_that_take_long_are_not_searched(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_US", -1)

    def hang(_columns: Any) -> Any:
        raise ModelTimedOut("too slow")

    asked = standing_in(assay, hang)
    said = Asking(assay, "stone", tiny.ROUGH).ask(questions(*[1.0] * 16), None)
    assert (said.rows, dict(said.skipped), len(asked)) == ([], {"model_timeout": 16}, 1)


def test_who_never_answers_is_not_asked_any_more(assay: Assay) -> None:
    def fail(_columns: Any) -> Any:
        raise ModelFailed("died")

    asked = standing_in(assay, fail)
    asking = Asking(assay, "stone", tiny.ROUGH)
    for _ in range(2):
        assert dict(asking.ask(questions(1.0), None).skipped) == {"model_error": 1}
    assert dict(asking.ask(questions(1.0, 2.0, 3.0), None).skipped) == {"model_error": 3}
    assert len(asked) == 2


def test_a_batch_without_questions_is_no_silence(assay: Assay) -> None:
    standing_in(assay, lambda columns: columns["carat"])
    asking = Asking(assay, "stone", tiny.ROUGH)
    for _ in range(3):
        asking.ask([], None)
    assert len(asking.ask(questions(1.0), None).rows) == 1


def test_a_version_that_cannot_be_loaded_is_the_reason(assay: Assay) -> None:
    graph = assay.loader.manifest(assay.versions.find("stone", tiny.ROUGH)).files["graph"].sha256
    assay.artifacts.path(graph).write_bytes(b"damaged")
    asking = Asking(assay, "stone", tiny.ROUGH)
    assert not asking.hears
    assert dict(asking.ask(questions(1.0, 2.0), None).skipped) == {"artifact_rejected": 2}
    asking.close()
    assert dict(Asking(assay, "stone", 99).ask(questions(1.0), None).skipped) == {"version_not_found": 1}


def test_a_store_that_is_away_is_nobodys_failure(assay: Assay) -> None:
    def away(_columns: Any) -> Any:
        raise StoreUnavailable

    standing_in(assay, away)
    with pytest.raises(StoreUnavailable):
        Asking(assay, "stone", tiny.ROUGH).ask(questions(1.0, 2.0), None)


def test_the_version_is_in_a_process_of_its_own_that_ends_with_it(assay: Assay) -> None:
    asking = Asking(assay, "stone", tiny.ROUGH)
    (said,) = values(asking.ask(questions(1.0), None).rows)
    assert said == assay.predict("stone", carat(1.0).encode(), tiny.ROUGH)[0].prediction
    assert asking._loaded is not None
    child = asking._loaded.engine._child  # type: ignore[attr-defined]  # of a host engine
    asking.close()
    assert child.poll() is not None
    asking.close()
