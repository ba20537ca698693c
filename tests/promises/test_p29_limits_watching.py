"""P29: how much of a control set is asked for, and how many looks at it wait, is counted."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

import assay
from assay.app.watching.asking import ROWS_AT_ONCE, ask
from assay.app.watching.labelled import ControlSet, control_set
from assay.errors import ModelFailed
from assay.watching.answers import Answers, Evidence
from tests import heard
from tests.app.watching.test_asking import ASSAY, MODEL, side
from tests.promises.limits import limit, tries
from tests.web.running import serving

CLOSED: dict[str, Any] = {"given": True, "dataset": "d" * 64}


class Reader(assay.Input):
    """A reader."""

    age: float = assay.Number()


TOPICS: assay.Model[Reader] = assay.Model(
    "topics", input=Reader, target="utterances", labels=("art",), metric="average_precision"
)


@tries("looks-waiting")
def test_looks_that_wait(tmp_path: Path) -> None:
    with serving(tmp_path / "home", opened=heard.opened) as server:
        orders = [
            server.post("/v1/models/notes/watch", None, Idempotency_Key=f"look{place}")
            for place in range(limit("looks-waiting"))
        ]
        assert {one.status for one in orders} == {202}
        beyond = server.post("/v1/models/notes/watch", None, Idempotency_Key="one-more")
        assert (beyond.status, beyond.json["code"]) == (503, "overloaded")
        assert server.ask("POST", f"/v1/jobs/{orders[0].json['id']}/cancel", b"").status == 200
        assert server.post("/v1/models/notes/watch", None, Idempotency_Key="one-more").status == 202


@tries("control-recordings", "control-rows")
@pytest.mark.parametrize(("name", "model"), [("control-recordings", MODEL), ("control-rows", TOPICS)])
@pytest.mark.parametrize("beyond", [0, 1])
def test_what_was_held_out(name: str, model: Any, beyond: int) -> None:
    count = limit(name) + beyond
    asked = (
        {"age": np.arange(float(count))} if model is TOPICS else {"audio": [f"{place:064x}" for place in range(count)]}
    )
    rows = pl.DataFrame({**asked, "utterances": ["[]"] * count, "__held_out": [True] * count, "__part": [0] * count})
    file = io.BytesIO()
    rows.write_parquet(file)
    kept: Any = SimpleNamespace(
        artifacts=SimpleNamespace(get=lambda _: file.getvalue()), settings=SimpleNamespace(control=None)
    )
    version: Any = SimpleNamespace(number=1, dataset="d" * 64)

    found = control_set(kept, model, [version])

    assert found.rows.height == limit(name)
    assert found.rows.equals(rows.select(found.rows.columns)) is not bool(beyond)
    assert found.rows.equals(control_set(kept, model, [version]).rows)


@tries("control-failures")
@pytest.mark.parametrize("beyond", [0, 1])
def test_inputs_that_are_not_answered_one_after_the_other(beyond: int) -> None:
    failing = limit("control-failures") - 1 + beyond
    calls = 0

    def answer(columns: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls <= failing:
            raise ModelFailed("out of order")
        return np.full((len(columns["age"]), 1), 0.5)

    count = (failing + 3) * ROWS_AT_ONCE
    rows = pl.DataFrame({"age": np.arange(float(count)), "utterances": ["[]"] * count})
    control = ControlSet(rows=rows, names=tuple(map(str, range(count))), **CLOSED)
    found = ask(ASSAY, TOPICS, control, [side(answer, contract=TOPICS.contract)]).evidence

    assert calls == (failing if beyond else failing + 3)
    assert len(found.mine.failed) == (count if beyond else failing * ROWS_AT_ONCE)


@tries("labels-watched")
@pytest.mark.parametrize("beyond", [0, 1])
def test_labels_that_are_looked_at(beyond: int) -> None:
    count = limit("labels-watched") + beyond
    truth = np.tri(count, dtype=np.bool_)  # the first label is everywhere, the last in one row
    found = Evidence(
        labels=tuple(map(str, range(count))), threshold=0.5, names=tuple(map(str, range(count))), units=np.arange(count),
        truth=truth, mine=Answers(version=1, told=np.zeros((count, count))),
    )  # fmt: skip
    assert found.watched.tolist() == list(range(limit("labels-watched")))
