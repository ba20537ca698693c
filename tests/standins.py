"""Honest stand-ins for versions: real contracts and readers around an engine that the test writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from assay.domain.question.contract import Contract
from assay.domain.question.reader import QuestionReader
from assay.serving.engines.compiled import Columns, Floats
from assay.serving.loaded import LoadedVersion
from tests import tiny


class CallEngine:
    """Answers with whatever the function says, and counts how often it was asked."""

    def __init__(self, call: Callable[[Columns], Any]) -> None:
        self.call = call
        self.calls = 0
        self.closed = False

    def run(self, columns: Columns) -> Floats:
        """The function's answers as float64."""
        self.calls += 1
        return np.asarray(self.call(columns), np.float64)

    def close(self) -> None:
        """Remembers that it was closed."""
        self.closed = True


def times(factor: float) -> Callable[[Columns], Any]:
    """A model that multiplies the weight."""
    return lambda columns: factor * np.asarray(columns["carat"], np.float64)


def version(
    call: Callable[[Columns], Any], *, number: int = 1, contract: Contract = tiny.CONTRACT, rows: Any = None
) -> LoadedVersion:
    """A loaded version around the function."""
    return LoadedVersion(
        model=contract.model, number=number, contract=contract, reader=QuestionReader(contract), engine=CallEngine(call),
        rows=rows,
    )  # fmt: skip


def asked(loaded: LoadedVersion, *told: dict[str, Any]) -> list[Any]:
    """Questions as the version's reader takes them."""
    return [loaded.reader.take(tiny.QUESTION | one) for one in told]
