"""Bulk answers are the answers that each row gets alone, chunk by chunk, in order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assay.domain.question.contract import Contract, Target
from assay.domain.question.field import Field
from assay.domain.question.reader import QuestionReader
from assay.errors import BadOutput
from assay.serving.bulk import CHUNK, score
from assay.serving.engines.compiled import Columns, Floats
from assay.serving.loaded import LoadedVersion
from assay.serving.predict import predict


class Doubling:
    """Answers twice the number, 0 for a missing one."""

    def __init__(self, wrong: float | None = None) -> None:
        self.wrong = wrong
        self.seen: list[int] = []

    def run(self, columns: Columns) -> Floats:
        assert isinstance(columns["size"], list)
        self.seen.append(len(columns["size"]))
        found = np.array([0.0 if value is None else 2 * value for value in columns["size"]])
        if self.wrong is not None:
            found[-1] = self.wrong
        return found

    def close(self) -> None:
        pass


def version(engine: Any) -> LoadedVersion:
    fields = {"size": Field(kind="number", nullable=True), "kind": Field(kind="category", values=("a", "b"))}
    contract = Contract(model="m", fields=fields, target=Target(name="t", floor=1.0, decimals=1), metric="mae")
    return LoadedVersion(
        model="m", number=1, contract=contract, reader=QuestionReader(contract), engine=engine, rows=None
    )


@pytest.mark.parametrize("rows", [1, CHUNK, CHUNK + 1, 3 * CHUNK - 1])
def test_every_row_has_its_answer_in_its_place(rows: int) -> None:
    engine = Doubling()
    sizes = np.arange(rows, dtype=float)
    found = score(version(engine), {"size": sizes, "kind": np.array(["a"] * rows, object)})
    assert found == [max(1.0, 2.0 * size) for size in range(rows)]
    assert max(engine.seen) <= CHUNK


def test_an_answer_that_is_no_number_is_refused() -> None:
    with pytest.raises(BadOutput):
        score(version(Doubling(wrong=float("nan"))), {"size": np.ones(3), "kind": np.array(["a"] * 3, object)})


def test_a_missing_number_is_told_as_missing() -> None:
    found = score(version(Doubling()), {"size": np.array([np.nan, 3.0]), "kind": np.array(["a", "b"], object)})
    assert found == [1.0, 6.0]
    questions = version(Doubling()).reader.read(b'[{"size":null,"kind":"a"},{"size":3.0,"kind":"b"}]')[0]
    assert predict(version(Doubling()), questions) == found
