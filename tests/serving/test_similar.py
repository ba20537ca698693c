"""Similar rows are those that a brute-force search finds."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import assay as public
from assay.domain.question.contract import Contract, Similar, Target
from assay.errors import NothingSimilar, ParameterInvalid, QuestionInvalid
from assay.serving.loaded import LoadedVersion
from assay.serving.similar import MAX_SIMILAR, rows_file, similar
from tests import standins, tiny

CUTS, COLORS = ("Fair", "Good", "Ideal"), ("D", "E", "F")
ROW = st.tuples(
    st.one_of(st.integers(1, 8).map(float), st.floats(0.01, 20)), st.sampled_from(CUTS), st.sampled_from(COLORS),
    st.integers(-5, 9_000),
)  # fmt: skip


def table(rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    names = ("carat", "cut", "color", "price")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def holding(columns: dict[str, list[Any]], contract: Contract = tiny.CONTRACT) -> LoadedVersion:
    kept = np.load(io.BytesIO(rows_file(columns, contract)), allow_pickle=False)
    return standins.version(standins.times(1), contract=contract, rows=kept)


@given(rows=st.lists(ROW, max_size=40), asked=ROW, n=st.integers(1, 12))
def test_the_search_finds_what_a_brute_force_search_finds(rows: list[Any], asked: Any, n: int) -> None:
    carat, cut, color, _ = asked
    like = {"carat": carat, "cut": cut, "color": color}
    group = [row for row in rows if row[1:3] == (cut, color)]
    if not group:
        with pytest.raises(NothingSimilar, match=f"cut {cut}, color {color}"):
            similar(holding(table(rows)), like, n)
        return
    found = similar(holding(table(rows)), like, n)
    expected = sorted((abs(row[0] - carat), row[0]) for row in group)[:n]
    assert [(abs(row["carat"] - carat), row["carat"]) for row in found] == expected
    kept = [tuple(row.values()) for row in found]
    assert all(kept.count(row) <= rows.count(row) for row in kept)


@given(st.lists(ROW, min_size=1, max_size=20), st.randoms())
def test_the_same_rows_in_another_order_are_the_same_group(rows: list[Any], shuffle: Any) -> None:
    other = list(rows)
    shuffle.shuffle(other)
    first, second = (holding(table(one)).rows for one in (rows, other))
    assert first is not None
    assert second is not None
    assert sorted(first.tolist()) == sorted(second.tolist())
    assert rows_file(table(rows), tiny.CONTRACT) == rows_file(table(list(rows)), tiny.CONTRACT)


def test_a_row_comes_back_as_the_table_had_it() -> None:
    loaded = holding(table([(1.5, "Good", "D", 700)]))
    (found,) = similar(loaded, {"carat": 9.0, "cut": "Good", "color": "D"}, 5)
    assert found == {"carat": 1.5, "cut": "Good", "color": "D", "price": 700}
    assert [type(value) for value in found.values()] == [float, str, str, int]


def test_a_target_with_fractions_keeps_them() -> None:
    (found,) = similar(holding(table([(1.5, "Good", "D", 700.25)])), {"carat": 9.0, "cut": "Good", "color": "D"}, 5)
    assert found["price"] == 700.25


def test_every_kind_of_field_can_be_kept_and_be_missing() -> None:
    fields = {
        "weight": public.Number(), "depth": public.Number(nullable=True), "count": public.Integer(nullable=True),
        "cut": public.Grade("Fair", "Good"), "shape": public.Category("round", "oval", nullable=True),
        "urgent": public.Boolean(nullable=True), "note": public.Text(),
    }  # fmt: skip
    contract = Contract(
        model="m",
        fields=fields,
        target=Target(name="t"),
        metric="mae",
        similar=Similar(equal=("cut",), nearest="weight"),
    )
    columns: dict[str, list[Any]] = {
        "weight": [1.0, 2.0], "depth": [None, 3.5], "count": [None, 7], "cut": ["Fair", "Fair"], "shape": [None, "oval"],
        "urgent": [None, True], "note": ["a", "b"], "t": [1.0, 2.0],
    }  # fmt: skip
    found = similar(holding(columns, contract), {"weight": 2.0, "cut": "Fair"}, 2)
    assert msgspec.json.decode(msgspec.json.encode(found)) == [
        {"weight": 2.0, "depth": 3.5, "count": 7, "cut": "Fair", "shape": "oval", "urgent": True, "t": 2},
        {"weight": 1.0, "depth": None, "count": None, "cut": "Fair", "shape": None, "urgent": None, "t": 1},
    ]


@pytest.mark.parametrize("n", [0, -1, MAX_SIMILAR + 1])
def test_a_number_of_rows_out_of_range_is_refused(n: int) -> None:
    with pytest.raises(ParameterInvalid):
        similar(holding(table([(1.5, "Good", "D", 700)])), {"carat": 1.0, "cut": "Good", "color": "D"}, n)


@pytest.mark.parametrize(
    "like",
    [{}, {"carat": 1.0, "cut": "Good"}, {"carat": 1.0, "cut": "no", "color": "D"}, {"carat": "1", "cut": "Good", "color": "D"},
     {"carat": 1.0, "cut": "Good", "color": "D", "more": 1}],
)  # fmt: skip
def test_what_is_incomplete_or_unknown_is_refused(like: dict[str, Any]) -> None:
    with pytest.raises(QuestionInvalid):
        similar(holding(table([(1.5, "Good", "D", 700)])), like, 5)


def test_a_version_without_rows_has_nothing_similar() -> None:
    with pytest.raises(NothingSimilar):
        similar(standins.version(standins.times(1)), tiny.QUESTION, 5)


def test_rows_of_a_trained_version_are_found(linear: LoadedVersion) -> None:
    found = similar(linear, tiny.QUESTION, 3)
    assert len(found) == 3
    assert all((row["cut"], row["color"]) == ("Ideal", "E") for row in found)
