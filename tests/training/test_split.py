"""Rows are split as scikit-learn splits them, and stay on their side afterwards."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from assay.errors import DataInvalid
from assay.training.split import HELD_OUT, PART, newest, sides, split


@given(st.integers(5, 300), st.integers(0, 2**31), st.sampled_from([0.1, 0.2, 0.25, 0.5]))
def test_the_split_is_that_of_scikit_learn(count: int, seed: int, share: float) -> None:
    train, test = split(pl.DataFrame({"row": range(count)}), share, seed)
    expected = train_test_split(list(range(count)), test_size=share, random_state=seed)
    assert [train["row"].to_list(), test["row"].to_list()] == expected


@given(st.integers(5, 300), st.integers(0, 2**31))
def test_a_column_that_says_what_would_be_drawn_gives_the_drawn_order(count: int, seed: int) -> None:
    rows = pl.DataFrame({"row": range(count)})
    marked = rows.with_columns(sides(count, 0.2, seed), pl.lit(0, pl.Int32).alias(PART))
    assert [side.to_dicts() for side in split(marked, 0.2, seed)] == [
        side.to_dicts() for side in split(rows, 0.2, seed)
    ]


def test_a_column_that_says_otherwise_decides_and_is_not_handed_on() -> None:
    rows = pl.DataFrame({"row": range(6), HELD_OUT: [True, False, False, True, False, False], PART: [0, 0, 0, 0, 1, 1]})
    train, test = split(rows, 0.2, 42)
    assert (train.columns, train["row"].to_list(), test["row"].to_list()) == (["row"], [1, 2, 4, 5], [0, 3])


def test_a_side_without_rows_is_refused() -> None:
    with pytest.raises(DataInvalid, match="too few"):
        split(pl.DataFrame({"row": [1]}), 0.2, 0)
    with pytest.raises(DataInvalid, match="too few"):
        split(pl.DataFrame({"row": [1, 2], HELD_OUT: [False, False]}), 0.2, 0)


def test_of_few_rows_none_or_one_is_held_out() -> None:
    assert [sides(count, 0.2, 42).sum() for count in (0, 1, 2, 5, 6, 10)] == [0, 0, 1, 1, 2, 2]


def test_the_newest_rows_are_those_of_the_last_part() -> None:
    rows = pl.DataFrame({"row": [1, 2, 3], PART: [0, 1, 1]})
    assert newest(rows)["row"].to_list() == [2, 3]
    assert newest(rows.drop(PART)).height == 3
