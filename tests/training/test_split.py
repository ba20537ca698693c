"""Rows are split as scikit-learn splits them."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from assay.errors import DataInvalid
from assay.training.split import split


@given(st.integers(5, 300), st.integers(0, 2**31), st.sampled_from([0.1, 0.2, 0.25, 0.5]))
def test_the_split_is_that_of_scikit_learn(count: int, seed: int, share: float) -> None:
    train, test = split(pl.DataFrame({"row": range(count)}), share, seed)
    expected = train_test_split(list(range(count)), test_size=share, random_state=seed)
    assert [train["row"].to_list(), test["row"].to_list()] == expected


def test_a_part_without_rows_is_refused() -> None:
    with pytest.raises(DataInvalid, match="too few"):
        split(pl.DataFrame({"row": [1]}), 0.2, 0)
