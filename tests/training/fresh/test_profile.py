"""A profile says how values are spread, in bins that later values can be counted into."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from assay.domain.question.field import Field
from assay.training.fresh.profile import BINS, WORDS, numbers, profile, words


def test_numbers_are_counted_in_bins_of_about_equal_counts() -> None:
    values = np.random.default_rng(1).lognormal(size=1000)
    found = numbers(pl.Series([*values, None]))
    assert (found["count"], found["nulls"], sum(found["counts"]), len(found["counts"])) == (1000, 1, 1000, BINS)
    assert len(found["edges"]) == BINS + 1
    assert max(found["counts"]) <= 51
    assert found["mean"] == pytest.approx(values.mean())
    assert found["std"] == pytest.approx(values.std())
    assert found["quantiles"]["0.5"] == pytest.approx(np.median(values))
    assert (found["min"], found["max"]) == (found["edges"][0], found["edges"][-1])


def test_values_that_repeat_make_fewer_bins_and_none_is_lost() -> None:
    found = numbers(pl.Series([1] * 900 + [2] * 50 + [3] * 50))
    assert len(found["edges"]) == len(found["counts"]) + 1
    assert sum(found["counts"]) == 1000


def test_one_value_alone_has_one_bin_and_no_value_has_none() -> None:
    assert (numbers(pl.Series([7, 7]))["edges"], numbers(pl.Series([7, 7]))["counts"]) == ([7.0, 7.0], [2])
    assert numbers(pl.Series([None], dtype=pl.Float64)) == {
        "kind": "numbers",
        "count": 0,
        "nulls": 1,
        "edges": [],
        "counts": [],
    }


def test_words_are_counted_the_most_frequent_first_and_the_rest_together() -> None:
    found = words(pl.Series("cut", ["Ideal"] * 3 + ["Fair"] * 2 + ["Good", None]))
    assert found == {"kind": "words", "count": 6, "nulls": 1, "values": {"Ideal": 3, "Fair": 2, "Good": 1}, "others": 0}
    many = words(pl.Series("word", [f"w{i:04}" for i in range(WORDS + 30)]))
    assert (len(many["values"]), many["others"]) == (WORDS, 30)


def test_each_field_is_profiled_by_its_kind_and_texts_by_their_length_only() -> None:
    fields = {"carat": Field(kind="number"), "count": Field(kind="integer"), "cut": Field(kind="grade", values=("a", "b")),
              "sold": Field(kind="boolean"), "note": Field(kind="text")}  # fmt: skip
    rows = pl.DataFrame(
        {"carat": [1.0, 2.0], "count": [1, 2], "cut": ["a", "b"], "sold": [True, None], "note": ["secret", None]}
    )
    found = profile(rows, fields)
    assert [one["kind"] for one in found.values()] == ["numbers", "numbers", "words", "words", "lengths"]
    assert found["sold"]["values"] == {"true": 1}
    assert "secret" not in json.dumps(found)
