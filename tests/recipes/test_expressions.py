"""Derived features are plain arithmetic in 32-bit floats, and nothing else can be written as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from assay.recipes.expressions import Derive, names_in, parse

ROWS = pl.DataFrame({"x": [1.0, 2.0, 0.0], "y": [4.0, 0.5, 3.0], "z": [2.0, 2.0, 2.0]})


def derived(expression: str, rows: Any = ROWS) -> list[float]:
    found: list[float] = Derive({"made": expression}, keep=[]).fit_transform(rows)[:, 0].tolist()
    return found


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("x * y * z", [8, 2, 0]),
        ("x + y - z / 4", [4.5, 2, 2.5]),
        ("2 * (x - -y)", [10, 5, 6]),
        ("-x", [-1, -2, 0]),
        ("y / x", [4, 0.25, 0]),
    ],
)
def test_an_expression_is_computed_with_the_usual_precedence(expression: str, values: list[float]) -> None:
    assert derived(expression) == values


def test_what_is_divided_by_nought_is_nought() -> None:
    assert derived("x / (y - y)") == [0, 0, 0]


@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 3), min_size=1, max_size=5))
def test_features_are_finite_and_rows_do_not_affect_each_other(values: list[tuple[float, float, float]]) -> None:
    rows = np.array(values)
    made = Derive({"q": "x / (y * z)", "s": "x * x + y"}, columns=["x", "y", "z"]).fit(rows)
    whole = made.transform(rows)
    assert whole.dtype == np.float32
    assert np.isfinite(whole[:, 4]).all()
    alone = np.vstack([made.transform(rows[place : place + 1]) for place in range(len(rows))])
    assert np.array_equal(alone, whole)


@pytest.mark.parametrize(
    "expression",
    ["__import__('os')", "x ** 2", "x.real", "x if y else z", "x and y", "x < y", "[x]", "'x'", "True + x", "1j * x",
     "x // y", "lambda: x", "x; y", "", "(", "+x", "x := 1"],
)  # fmt: skip
def test_anything_but_arithmetic_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"arithmetic|may hold"):
        parse(expression)


def test_names_are_checked_when_it_is_fitted() -> None:
    assert names_in(parse("x * (w + 1)")) == {"x", "w"}
    for features, keep, said in [({"a": "x * w"}, None, "'w'"), ({"a": "2 * 3"}, None, "names no"), ({}, ["w"], "'w'")]:
        with pytest.raises(ValueError, match=said):
            Derive(features, keep).fit(ROWS)


def test_an_array_needs_the_names_of_its_columns() -> None:
    with pytest.raises(ValueError, match="columns arrive without names"):
        Derive({"a": "x"}).fit(ROWS.to_numpy())


def test_kept_columns_come_first_and_all_have_names_and_a_clone_is_equal() -> None:
    made = clone(Derive({"volume": "x * y * z"}, keep=["z", "x"])).fit(ROWS)
    assert made.get_feature_names_out().tolist() == ["z", "x", "volume"]
    assert made.transform(ROWS).tolist() == [[2, 1, 8], [2, 2, 2], [2, 0, 0]]
