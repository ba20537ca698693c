"""A compiled graph answers columns, and what is no graph, or another one, is refused."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import numpy as np
import pytest

import assay as public
from assay.app import Assay
from assay.errors import ArtifactRejected, ModelFailed
from assay.serving.engines.compiled import GraphEngine
from tests import tiny

COLUMNS: dict[str, list[Any]] = {"carat": [1.0, 2.0, 0.5], "cut": ["Ideal", "Fair", "Good"], "color": ["D", "E", "F"]}


@pytest.fixture
def graph(assay: Assay) -> bytes:
    manifest = assay.loader.manifest(assay.versions.find("stone", tiny.LINEAR))
    return assay.artifacts.get(manifest.files["graph"].sha256)


def test_one_number_a_row_in_their_order(graph: bytes) -> None:
    found = GraphEngine(graph, tiny.CONTRACT).run(COLUMNS)
    assert found.shape == (3,)
    assert found[0] == pytest.approx(1800, abs=30)
    assert found[1] == pytest.approx(2500, abs=30)
    backwards = GraphEngine(graph, tiny.CONTRACT).run({name: values[::-1] for name, values in COLUMNS.items()})
    assert list(backwards) == list(found[::-1])


def test_a_row_has_the_same_answer_alone_and_among_others(graph: bytes) -> None:
    engine = GraphEngine(graph, tiny.CONTRACT)
    together = engine.run(COLUMNS)
    alone = [engine.run({name: [values[i]] for name, values in COLUMNS.items()})[0] for i in range(3)]
    assert alone == list(together)


def test_threads_share_one_engine(graph: bytes) -> None:
    engine = GraphEngine(graph, tiny.CONTRACT)
    expected = engine.run(COLUMNS)
    wrong: list[Any] = []

    def ask() -> None:
        wrong.extend(found for _ in range(100) if not np.array_equal(found := engine.run(COLUMNS), expected))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x08\x07" * 50])
def test_what_is_no_graph_is_refused(data: bytes) -> None:
    with pytest.raises(ArtifactRejected, match="cannot be loaded"):
        GraphEngine(data, tiny.CONTRACT)


def test_a_graph_of_another_question_is_refused(graph: bytes) -> None:
    other = msgspec.structs.replace(tiny.CONTRACT, fields=tiny.FIELDS | {"depth": public.Number()})
    with pytest.raises(ArtifactRejected, match="other fields"):
        GraphEngine(graph, other)


def test_a_graph_that_cannot_answer_fails_as_a_model(graph: bytes) -> None:
    with pytest.raises(ModelFailed):
        GraphEngine(graph, tiny.CONTRACT).run(COLUMNS | {"cut": ["Ideal"]})
    with pytest.raises(ModelFailed):
        GraphEngine(graph, tiny.CONTRACT).run(COLUMNS | {"cut": ["Great", "Fair", "Fair"]})
