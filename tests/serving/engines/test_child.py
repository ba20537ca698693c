"""The child's side: it loads, answers, and says what went wrong, until its pipe closes."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from assay.recipes import one_hot
from assay.serving.engines.child import PipelineEngine, serve
from assay.serving.engines.hosts import _LENGTH, Load, Reply, Run
from assay.store.files.formats import dump_pipeline
from tests import tiny

COLUMNS: dict[str, list[Any]] = {"carat": [1.0, 2.0], "cut": ["Ideal", "Fair"], "color": ["D", "E"]}


@pytest.fixture(scope="module")
def load() -> Load:
    import assay

    class Stone(assay.Input):
        carat: float = assay.Number(above=0)
        cut: str = assay.Grade("Fair", "Good", "Ideal")
        color: str = assay.Category("D", "E", "F")

    import polars as pl

    rows = pl.DataFrame({"carat": [1.0, 2.0, 3.0], "cut": ["Fair", "Good", "Ideal"], "color": ["D", "E", "F"]})
    fitted = make_pipeline(one_hot(Stone, ["carat"]), LinearRegression()).fit(rows, [10.0, 20.0, 30.0])
    return Load(contract=tiny.CONTRACT, engine="native", data=dump_pipeline(fitted, ()))


def conversation(*messages: Load | Run) -> list[Reply]:
    """What the child replies to these messages."""
    sent = b"".join(
        _LENGTH.pack(len(data)) + data for data in (msgspec.msgpack.encode(message) for message in messages)
    )
    outgoing = io.BytesIO()
    serve(io.BytesIO(sent), outgoing)
    outgoing.seek(0)
    replies = []
    while head := outgoing.read(_LENGTH.size):
        replies.append(msgspec.msgpack.decode(outgoing.read(_LENGTH.unpack(head)[0]), type=Reply))
    return replies


@pytest.fixture(autouse=True)
def no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is not the child: its limits stay as they are."""
    monkeypatch.setattr("assay.serving.engines.child._limit", lambda _memory_bytes: None)


def test_it_loads_once_and_answers_often(load: Load) -> None:
    loaded, first, second = conversation(load, Run(columns=COLUMNS), Run(columns=COLUMNS))
    assert loaded == Reply()
    assert np.frombuffer(first.values, "<f8") == pytest.approx([10.0, 20.0])
    assert second == first


def test_before_it_has_loaded_it_cannot_answer() -> None:
    (reply,) = conversation(Run(columns=COLUMNS))
    assert reply.error == "nothing is loaded"


def test_a_failure_is_a_reply_and_the_next_question_is_answered(load: Load) -> None:
    _, failed, answered = conversation(load, Run(columns={"carat": [1.0]}), Run(columns=COLUMNS))
    assert failed.error
    assert np.frombuffer(answered.values, "<f8") == pytest.approx([10.0, 20.0])


def test_a_pipeline_that_cannot_be_read_is_said_to_be_so() -> None:
    (reply,) = conversation(Load(contract=tiny.CONTRACT, engine="native", data=b"nonsense"))
    assert "ArtifactRejected" in reply.error


def test_columns_reach_the_pipeline_in_the_types_of_the_contract(load: Load) -> None:
    engine = PipelineEngine(load)
    assert engine.run({"carat": [1, 2], "cut": ["Fair"] * 2, "color": ["D"] * 2}) == pytest.approx([10.0, 20.0])
