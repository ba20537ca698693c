"""The quick model of the known rows reads every kind of column, and says of each what the others say."""

from __future__ import annotations

import numpy as np
import polars as pl

import assay
from assay.domain.question.field import Field
from assay.training.fresh.reference import MOST_ROWS, Reference, code, coded


class Thing(assay.Input):
    size: float = assay.Number()
    grade: str = assay.Grade("bad", "good")
    note: str = assay.Text(nullable=True)
    sold: bool = assay.Boolean(nullable=True)


MODEL = assay.Model("thing", input=Thing, target="price")


def things(count: int) -> pl.DataFrame:
    draw = np.random.default_rng(1)
    size, grade = draw.uniform(-1, 1, count), draw.integers(0, 2, count)
    return pl.DataFrame(
        {"size": size, "grade": np.array(["bad", "good"])[grade], "note": ["x"] * count, "sold": [None] * count,
         "price": 10 + 3 * size + grade},
        schema_overrides={"sold": pl.Boolean},
    )  # fmt: skip


def test_columns_become_numbers_and_null_becomes_nan() -> None:
    rows = things(2).with_columns(note=pl.Series(["long", None]), grade=pl.Series(["good", None]))
    found = coded(rows, MODEL.fields)
    assert found.shape == (2, 4)
    assert found[:, 1].tolist()[0] == 1.0
    assert np.isnan(found[1, 1:]).all()
    assert found[0, 2] == 4.0
    assert coded(rows, {}).shape == (2, 0)


def test_a_text_that_holds_numbers_is_read_as_numbers() -> None:
    assert code(pl.Series(["1.5", "20"]), Field(kind="text")).tolist() == [1.5, 20.0]


def test_the_other_columns_say_what_a_column_is() -> None:
    rows = things(2000)
    reference = Reference(MODEL, rows.head(1500), rows.tail(500))
    for name in ("price", "size"):
        error = reference.predicted(name, reference.held_out) - reference.scaled(name, reference.held_out)
        assert np.median(np.abs(error)) < 0.1
    assert list(reference.ranges) == ["size"]


def test_only_columns_without_negative_values_are_thought_of_in_ratios() -> None:
    reference = Reference(MODEL, things(100), things(10))
    assert reference.scalable("price")
    assert not reference.scalable("size")
    assert np.allclose(reference.scaled("price", things(10)), np.log(things(10)["price"].to_numpy()))
    assert np.isnan(reference.scaled("price", things(1).with_columns(price=pl.lit(0.0)))).all()


def test_of_many_rows_some_of_each_time_are_learnt_from() -> None:
    rows = pl.concat([things(1000)] * 20).with_columns(size=pl.int_range(20_000) * 1.0)
    learnt = Reference(MODEL, rows, rows.head(1)).learnt
    assert learnt.height == MOST_ROWS
    assert (learnt["size"].min(), learnt["size"].max()) == (0.0, 19_999.0)
