"""Encoders follow the input type: its order of fields, its words and their order."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone

import assay
from assay.errors import ApplicationInvalid
from assay.recipes import one_hot, ordinal


class Stone(assay.Input):
    carat: float = assay.Number(above=0)
    cut: str = assay.Grade("Fair", "Good", "Ideal")
    certified: bool = assay.Boolean()
    table: float = assay.Number()
    note: str = assay.Text()


SEEN = ["carat", "cut", "table"]
ROWS = pl.DataFrame(
    {
        "carat": [0.5, 1.0, 1.5],
        "cut": ["Ideal", "Fair", "Good"],
        "certified": [True, False, True],
        "table": [55.0, 56.0, 57.0],
        "note": ["", "", ""],
    }
)


def test_ordinal_puts_each_grade_at_its_declared_place_and_keeps_the_order_of_fields() -> None:
    made = ordinal(Stone, only=["table", "cut", "carat"]).fit_transform(ROWS)
    assert np.asarray(made, dtype=float).tolist() == [[0.5, 2, 55], [1.0, 0, 56], [1.5, 1, 57]]


def test_one_hot_compares_with_the_worst_grade_and_can_keep_it() -> None:
    assert one_hot(Stone, only=["cut"]).fit_transform(ROWS).tolist() == [[0, 1], [0, 0], [1, 0]]
    assert one_hot(Stone, only=["cut"], drop=None).fit_transform(ROWS).tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


def test_words_that_the_rows_lack_still_have_their_place() -> None:
    assert one_hot(Stone, only=SEEN).fit(ROWS.head(1)).transform(ROWS).shape == (3, 4)


def test_booleans_pass_as_numbers() -> None:
    made = ordinal(Stone, only=["certified", "table"]).fit_transform(ROWS)
    assert np.asarray(made, dtype=float)[:, 0].tolist() == [1, 0, 1]


def test_derived_features_follow_the_kept_columns_and_know_grades_by_their_place() -> None:
    made = ordinal(Stone, only=SEEN, derive={"worth": "carat * (cut + 1)"}, keep=["table"])
    assert clone(made).fit_transform(ROWS).tolist() == [[55, 1.5], [56, 1], [57, 3]]


def test_unknown_fields_free_text_and_nothing_at_all_are_refused_by_name() -> None:
    for only, said in [(["weight"], "no field 'weight'"), (["note"], "'note' is free text"), ([], "No field of Stone")]:
        with pytest.raises(ApplicationInvalid, match=said):
            one_hot(Stone, only=only)
