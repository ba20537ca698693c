"""Reasons add up to the answer, for any model, and name what mattered."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import assay as public
from assay.domain.question.contract import Contract, Target
from assay.serving.engines.compiled import Columns
from assay.serving.explain import explain
from assay.serving.loaded import LoadedVersion
from assay.serving.predict import predict
from assay.serving.similar import rows_file
from tests import standins, tiny

EXACT = msgspec.structs.replace(tiny.CONTRACT, target=Target(name="price"))
CUTS, COLORS = ("Fair", "Good", "Ideal"), ("D", "E", "F")


def background(count: int, seed: int) -> Any:
    draw = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        "carat": draw.uniform(0.2, 3, count), "cut": draw.choice(CUTS, count), "color": draw.choice(COLORS, count),
        "price": draw.uniform(0, 100, count),
    }  # fmt: skip
    return np.load(io.BytesIO(rows_file(columns, tiny.CONTRACT)), allow_pickle=False)


def tangled(seed: int) -> Any:
    """A random model in which the features act upon each other."""
    draw = np.random.default_rng(seed)
    table, power = draw.normal(0, 500, (3, 3)), draw.uniform(0.5, 3)

    def call(columns: Columns) -> Any:
        carat = np.asarray(columns["carat"], np.float64)
        cut = np.array([CUTS.index(word) for word in columns["cut"]])
        color = np.array([COLORS.index(word) for word in columns["color"]])
        return 1000 * carat**power + table[cut, color] * np.sin(carat * color) + (cut == color) * 77.7

    return call


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6), carat=st.floats(0.01, 20), cut=st.sampled_from(CUTS), color=st.sampled_from(COLORS),
    floor=st.sampled_from([None, 1.0, 1500.0]), decimals=st.sampled_from([None, 0, 2]),
)  # fmt: skip
def test_base_and_parts_are_the_answer_for_any_model(
    seed: int, carat: float, cut: str, color: str, floor: float | None, decimals: int | None
) -> None:
    target = Target(name="price", floor=floor, decimals=decimals)
    contract = msgspec.structs.replace(tiny.CONTRACT, target=target)
    loaded = standins.version(tangled(seed), contract=contract, rows=background(50, seed))
    (question,) = standins.asked(loaded, {"carat": carat, "cut": cut, "color": color})
    answer, base, parts = explain(loaded, question)
    assert answer == predict(loaded, [question])[0]
    assert base + sum(part.contribution for part in parts) == pytest.approx(answer, rel=1e-9, abs=3e-6)
    assert [(part.feature, part.value) for part in parts] == [("carat", carat), ("cut", cut), ("color", color)]


def test_over_many_models_the_reasons_miss_the_answer_by_less_than_a_millionth() -> None:
    missed = 0.0
    for seed in range(100):
        loaded = standins.version(tangled(seed), contract=EXACT, rows=background(50, seed))
        answer, base, parts = explain(loaded, standins.asked(loaded, {"carat": 1.234 + seed / 100})[0])
        missed = max(missed, abs(base + sum(part.contribution for part in parts) - answer))
    assert missed < 1e-6


def test_the_same_question_has_the_same_reasons() -> None:
    loaded = standins.version(tangled(1), rows=background(50, 1))
    (question,) = standins.asked(loaded, {})
    assert explain(loaded, question) == explain(loaded, question)


def test_a_feature_that_changes_nothing_is_no_reason() -> None:
    loaded = standins.version(standins.times(10), rows=background(50, 1))
    _, base, parts = explain(loaded, standins.asked(loaded, {"carat": 5.0})[0])
    assert {part.feature: part.contribution for part in parts} == {
        "carat": pytest.approx(50 - base, abs=1e-5), "cut": 0, "color": 0,
    }  # fmt: skip


def test_of_an_additive_model_each_part_is_its_own_term() -> None:
    def call(columns: Columns) -> Any:
        return 1000 * np.asarray(columns["carat"]) + 300 * np.array([word == "Ideal" for word in columns["cut"]])

    loaded = standins.version(call, rows=background(500, 3))
    _, _, parts = explain(loaded, standins.asked(loaded, {"carat": 2.0, "cut": "Ideal"})[0])
    told = {part.feature: part.contribution for part in parts}
    assert told["carat"] + told["cut"] > 0
    assert 0 <= told["cut"] <= 300
    assert told["color"] == 0


def test_all_is_asked_in_one_call() -> None:
    loaded = standins.version(standins.times(10), rows=background(50, 1))
    explain(loaded, standins.asked(loaded, {})[0])
    assert loaded.engine.calls == 1  # type: ignore[attr-defined]  # the stand-in counts


def test_without_training_rows_the_example_is_the_background() -> None:
    loaded = standins.version(standins.times(10), rows=None)
    answer, base, parts = explain(loaded, standins.asked(loaded, {"carat": 3.0})[0])
    assert (answer, base) == (30.0, 10.0)
    assert {part.feature: part.contribution for part in parts} == {"carat": 20.0, "cut": 0.0, "color": 0.0}


def test_a_question_with_a_text_and_missing_values_is_explained_too() -> None:
    fields = {"note": public.Text(), "carat": public.Number(), "depth": public.Number(nullable=True)}
    contract = Contract(model="m", fields=fields, target=Target(name="t"), metric="mae")
    columns: dict[str, Any] = {
        "note": ["a", "b", "c"],
        "carat": [1.0, 2.0, 3.0],
        "depth": [1.0, None, 2.0],
        "t": [1, 2, 3],
    }
    rows = np.load(io.BytesIO(rows_file(columns, contract)), allow_pickle=False)
    loaded = standins.version(lambda given: [len(text) for text in given["note"]], contract=contract, rows=rows)
    question = loaded.reader.take({"note": "four", "carat": 1.0, "depth": None})
    answer, base, parts = explain(loaded, question)
    assert answer == 4.0
    assert base + sum(part.contribution for part in parts) == pytest.approx(4.0, abs=1e-6)


def test_a_trained_version_is_explained_within_a_cent(linear: LoadedVersion) -> None:
    answer, base, parts = explain(linear, standins.asked(linear, {"carat": 1.7, "cut": "Ideal"})[0])
    told = {part.feature: part.contribution for part in parts}
    assert abs(base + sum(told.values()) - answer) < 0.01
    assert told["cut"] > 100
    assert abs(told["color"]) < 30
