"""A part's rows are typed and cleaned, and what is wrong with its columns is a defect by name."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import assay
from assay.domain.question.field import Field
from assay.training.sifting import Defect, Sifted, sift, typed_column


class Stone(assay.Input):
    carat: float = assay.Number(above=0)
    cut: str = assay.Grade("Fair", "Ideal")


def model() -> assay.Model[Stone]:
    return assay.Model("stone", input=Stone, target="price")


ROWS = pl.DataFrame({"carat": [0.5, -1.0, 2.0], "cut": ["Fair", "Ideal", "?"], "price": [1, 2, 3], "shop": list("abc")})


def test_rows_that_break_a_fields_rule_are_told_from_those_that_the_cleaning_rule_refuses() -> None:
    cleaned = model()
    cleaned.clean(lambda rows: rows["price"] > 1)
    found = sift(cleaned, "a.csv", ROWS)
    assert isinstance(found, Sifted)
    assert (found.kept.height, len(found.removed), found.broken, found.dropped) == (0, 3, 2, ("shop",))
    assert [(one.row, one.part) for one in found.removed] == [(1, "a.csv"), (2, "a.csv"), (3, "a.csv")]
    assert found.typed.columns == found.kept.columns == ["carat", "cut", "price"]
    assert found.typed.height == 3


@pytest.mark.parametrize(
    ("rows", "name", "says"),
    [
        (ROWS.drop("cut"), "missing_column", "a.csv: the column 'cut' is missing; there are carat, price, shop."),
        (ROWS.with_columns(carat=pl.lit("x")), "wrong_type", "a.csv: the column 'carat' must hold a number above 0, and holds String."),
    ],
)  # fmt: skip
def test_columns_that_cannot_be_used_are_a_defect(rows: pl.DataFrame, name: str, says: str) -> None:
    assert sift(model(), "a.csv", rows) == Defect(name, says)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([" 1 ", "2\t", "x"], "number", [1.0, 2.0, None]),
        ([1.0, 1.5, float("nan")], "integer", [1, None, None]),
        ([" Fair", "Ideal "], "grade", ["Fair", "Ideal"]),
        ([" Fair", "Ideal "], "text", [" Fair", "Ideal "]),
        ([1, 2], "category", ["1", "2"]),
        ([[1]], "number", None),
        ([1.5], "text", None),
        ([b"x"], "text", None),
        (["x", "y"], "number", None),
    ],
)
def test_a_column_takes_the_type_of_its_field(values: list[Any], kind: Any, expected: list[Any] | None) -> None:
    found = typed_column(pl.Series("x", values), Field(kind=kind))
    assert (None if found is None else found.to_list()) == expected
