"""A snapshot holds usable rows only, says what it removed and why, and is named by its content."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import polars as pl
import pytest

import assay
from assay.errors import ApplicationInvalid, DataInvalid
from assay.training.snapshot import read_parquet, take


class Stone(assay.Input):
    carat: float = assay.Number(above=0, at_most=20, unit="ct")
    cut: str = assay.Grade("Fair", "Good", "Ideal")
    certificates: int = assay.Integer(at_least=0)
    insured: bool = assay.Boolean(nullable=True)
    note: str = assay.Text(max_length=5, nullable=True)
    depth: float | None = assay.Number(nullable=True)


GOOD: dict[str, list[Any]] = {
    "carat": [0.5, 1.0, 1.5, 2.0],
    "cut": ["Fair", "Good", "Ideal", "Ideal"],
    "certificates": [0, 1, 2, 1],
    "insured": [True, False, None, True],
    "note": ["", None, "fine", "good"],
    "depth": [60.0, None, 61.0, float("nan")],
    "price": [100, 200, 300, 400],
}


def model() -> assay.Model[Stone]:
    return assay.Model("stone", input=Stone, target="price")


def rows(**changes: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(GOOD | changes, strict=False)


def test_good_rows_are_kept_in_the_contracts_order_with_its_types() -> None:
    taken = take(model(), rows().select(reversed(list(GOOD))), "stones.csv")
    assert taken.rows.schema == {
        "carat": pl.Float64, "cut": pl.String, "certificates": pl.Int64, "insured": pl.Boolean, "note": pl.String,
        "depth": pl.Float64, "price": pl.Float64,
    }  # fmt: skip
    assert taken.rows["depth"].to_list() == [60.0, None, 61.0, None]
    assert (taken.dataset.rows, taken.dataset.removed, taken.dataset.removed_file) == (4, 0, None)
    assert (taken.removed, taken.removed_lines, taken.dropped) == ((), b"", ())


def test_the_same_rows_have_the_same_name_and_one_other_value_gives_another() -> None:
    first, again = take(model(), rows(), "a.csv"), take(model(), rows(), "b.csv")
    assert first.parquet == again.parquet
    assert first.dataset.id == hashlib.sha256(first.parquet).hexdigest() == again.dataset.id
    assert take(model(), rows(price=[100, 200, 300, 401]), "a.csv").dataset.id != first.dataset.id
    assert read_parquet(first.parquet).equals(first.rows)


def test_columns_that_nobody_asks_for_are_dropped_and_named() -> None:
    assert take(model(), rows(shop=list("abcd")), "a.csv").dropped == ("shop",)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"carat": [0.5, 0.0, 1.5, 2.0]}, "carat: must be a number above 0 and at most 20 ct"),
        ({"carat": [0.5, None, 1.5, 2.0]}, "carat: is missing"),
        ({"carat": [0.5, float("nan"), 1.5, 2.0]}, "carat: is missing"),
        ({"carat": ["0.5", "heavy", "1.5", "2"]}, "carat: is missing or not a number"),
        ({"carat": [0.5, 21.0, 1.5, 2.0]}, "carat: must be"),
        ({"cut": ["Fair", "good", "Ideal", "Ideal"]}, "cut: must be one of Fair, Good, Ideal"),
        ({"certificates": [0, -1, 2, 1]}, "certificates: must be"),
        ({"certificates": [0.0, 1.5, 2.0, 1.0]}, "certificates: is missing or not"),
        ({"note": ["", "too long", "fine", "good"]}, "note: must be"),
        ({"depth": [60.0, float("inf"), 61.0, 62.0]}, "depth: must be"),
        ({"price": [100.0, None, 300.0, 400.0]}, "price: is missing"),
        ({"price": [100.0, float("inf"), 300.0, 400.0]}, "price: must be a number"),
    ],
)
def test_a_row_that_breaks_a_rule_is_removed_with_number_and_reason(changes: dict[str, Any], reason: str) -> None:
    taken = take(model(), rows(**changes), "a.csv")
    assert [(one.row, one.reason.startswith(reason)) for one in taken.removed] == [(2, True)]
    assert taken.rows.height == 3
    said = msgspec.json.decode(taken.removed_lines)
    assert said["row"] == 2
    assert said["values"]["cut"] == rows(**changes)["cut"][1]
    assert taken.dataset.removed_file == hashlib.sha256(taken.removed_lines).hexdigest()


def test_every_reason_of_a_row_is_told() -> None:
    removed = take(model(), rows(carat=[0.5, -1.0, 1.5, 2.0], cut=["Fair", "?", "Ideal", "Ideal"]), "a.csv").removed
    assert removed[0].reason.count(";") == 1


@pytest.mark.parametrize("as_series", [True, False])
def test_the_cleaning_rule_may_answer_with_a_series_or_an_expression(as_series: bool) -> None:
    cleaned = model()

    @cleaned.clean
    def plausible(rows: pl.DataFrame) -> Any:
        """Prices below 150 are clerical errors."""
        return rows["price"] >= 150 if as_series else pl.col("price") >= 150

    taken = take(cleaned, rows(), "a.csv")
    assert [(one.row, one.reason) for one in taken.removed] == [(1, "plausible: Prices below 150 are clerical errors")]
    assert taken.rows["price"].to_list() == [200, 300, 400]


def test_a_cleaning_rule_that_does_not_know_does_not_keep() -> None:
    cleaned = model()
    cleaned.clean(lambda rows: rows["depth"] > 0)
    assert [one.row for one in take(cleaned, rows(), "a.csv").removed] == [2, 4]


def test_a_cleaning_rule_may_use_a_column_that_is_dropped_afterwards() -> None:
    cleaned = model()
    cleaned.clean(lambda rows: rows["shop"] != "b")
    assert take(cleaned, rows(shop=list("abcd")), "a.csv").dataset.removed == 1


def test_a_cleaning_rule_that_fails_or_answers_nonsense_is_the_applications_fault() -> None:
    for rule in (lambda rows: rows["colour"], lambda rows: rows["price"], lambda rows: [True]):
        cleaned = model()
        cleaned.clean(rule)
        with pytest.raises(ApplicationInvalid, match="cleaning rule"):
            take(cleaned, rows(), "a.csv")


def test_without_a_cleaning_rule_and_ranges_nothing_is_removed() -> None:
    class Free(assay.Input):
        carat: float = assay.Number()

    free = assay.Model("free", input=Free, target="price")
    taken = take(free, pl.DataFrame({"carat": [0.0, -1.0, 2.0], "price": [-1, 0, 1]}), "a.csv")
    assert taken.dataset.removed == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"carat": ["a", "b", "c", "d"]}, "the column 'carat' must hold a number above 0"),
        ({"carat": [[1.0], [2.0], [1.0], [1.0]]}, "'carat' must hold"),
        ({"cut": [0.5, 1.5, 2.5, 3.5]}, "'cut' must hold one of Fair, Good, Ideal"),
        ({"price": ["x", "y", "z", "w"]}, "'price' must hold a number"),
        ({"cut": ["?", "?", "?", "Fair"]}, "1 of 4 rows can be learnt from"),
    ],
)
def test_a_column_of_no_usable_type_is_refused_by_name_and_rule(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DataInvalid, match=said):
        take(model(), rows(**changes), "a.csv")


def test_a_missing_column_is_refused_by_name() -> None:
    for name in ("cut", "price"):
        with pytest.raises(DataInvalid, match=f"the column '{name}' is missing"):
            take(model(), rows().drop(name), "a.csv")


def test_a_damaged_snapshot_is_refused() -> None:
    with pytest.raises(DataInvalid):
        read_parquet(take(model(), rows(), "a.csv").parquet[:-9])
