"""Each defect by itself, at the edge of what is believed."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import assay
from assay.training.fresh.defects import (
    held_out_returned,
    labels_flipped,
    target_constant,
    target_leak,
    telling,
    too_many_faults,
    unit_change,
)
from assay.training.fresh.reference import Reference
from assay.training.sifting import Sifted, sift


class Flat(assay.Input):
    size: float = assay.Number(above=0)
    rooms: int = assay.Integer(at_least=0)
    town: str = assay.Category("A", "B")


MODEL = assay.Model("rent", input=Flat, target="rent", segments={"size": [0, 50]})


def flats(count: int, seed: int = 0) -> pl.DataFrame:
    """Flats whose rent follows from size and town, with some noise."""
    draw = np.random.default_rng(seed)
    size, town = draw.lognormal(4, 0.4, count), draw.choice(["A", "B"], count)
    rent = size * 10 * (1 + 0.5 * (town == "B")) * draw.lognormal(0, 0.15, count)
    rooms = np.floor(size / 25)
    return pl.DataFrame({"size": size, "rooms": rooms.astype(int), "town": town, "rent": rent})


REFERENCE = Reference(MODEL, flats(2000, 1), flats(500, 2))


@pytest.mark.parametrize(
    ("known", "held", "defect"), [(9, 9, False), (10, 10, True), (40, 19, False), (40, 20, True), (1000, 200, False)]
)
def test_held_out_rows_that_return_are_believed_beyond_chance_only(known: int, held: int, defect: bool) -> None:
    assert (held_out_returned(known, held, 0.2) is not None) == defect


def test_where_half_of_all_rows_are_held_out_half_is_chance() -> None:
    assert held_out_returned(100, 50, 0.5) is None
    assert held_out_returned(100, 90, 0.5) is not None


@pytest.mark.parametrize(("broken", "defect"), [(5, False), (6, True)])
def test_faults_are_too_many_above_five_percent(broken: int, defect: bool) -> None:
    rows = flats(100).with_columns(town=pl.when(pl.int_range(100) < broken).then(pl.lit("?")).otherwise("town"))
    part = sift(MODEL, "a", rows)
    assert isinstance(part, Sifted)
    found = too_many_faults(part)
    assert (found is not None) == defect
    assert found is None or found.said.endswith("most often town: must be one of A, B.")


def test_a_constant_target_is_believed_from_ten_rows_on() -> None:
    same = flats(10).with_columns(rent=pl.lit(1.0))
    assert target_constant(MODEL, same) is not None
    assert target_constant(MODEL, same.head(9)) is None


@pytest.mark.parametrize(
    "tells", [lambda x: x, lambda x: -x, np.exp, lambda x: np.round(x, 4), lambda x: np.abs(x - 1)]
)
def test_whatever_is_a_function_of_the_values_is_told(tells: object) -> None:
    values = np.random.default_rng(4).uniform(0, 3, 20_000)
    assert callable(tells)
    assert telling(values, tells(values)) > 0.999


def test_noise_words_and_few_rows_tell_nothing() -> None:
    draw = np.random.default_rng(5)
    values = draw.uniform(0, 3, 1000)
    assert telling(values, values + draw.normal(0, 0.1, 1000)) < 0.9999
    assert telling(draw.integers(0, 3, 1000).astype(float), draw.uniform(size=1000)) < 0.2
    assert telling(values[:29], values[:29]) == 0.0
    assert telling(np.ones(100), values[:100]) == 0.0


def test_a_leak_is_one_only_where_it_was_none_before_and_another_field_is_there() -> None:
    leaking = flats(200).with_columns(size=pl.col("rent") / 10)
    assert target_leak(MODEL, leaking, flats(500, 3)) is not None
    assert target_leak(MODEL, leaking, None) is not None
    assert target_leak(MODEL, leaking, flats(500, 3).with_columns(rent=pl.col("size") * 10)) is None
    assert target_leak(MODEL, flats(200), flats(500, 3)) is None

    class Alone(assay.Input):
        size: float = assay.Number()

    assert target_leak(assay.Model("alone", input=Alone, target="rent"), leaking, None) is None


@pytest.mark.parametrize(("column", "factor"), [("size", 10.764), ("size", 0.0929), ("rent", 0.2), ("rent", 100)])
def test_another_unit_is_found_and_the_factor_told(column: str, factor: float) -> None:
    found = unit_change(REFERENCE, flats(300, 6).with_columns(pl.col(column) * factor))
    assert found is not None
    assert f"the values of {column!r} are about " in found.said
    assert float(found.said.split("about ")[1].split(" ")[0]) == pytest.approx(factor, rel=0.1)


@pytest.mark.parametrize("factor", [0.7, 0.92, 1.0, 1.08, 1.3])
def test_a_drift_is_no_other_unit(factor: float) -> None:
    assert unit_change(REFERENCE, flats(300, 7).with_columns(pl.col("rent") * factor)) is None


def test_another_mix_is_no_other_unit_and_no_flip() -> None:
    for mix in (pl.col("size") > 90, pl.col("size") < 30, pl.col("town") == "B"):
        some = flats(3000, 8).filter(mix)
        assert unit_change(REFERENCE, some) is None
        assert labels_flipped(REFERENCE, some) is None


def test_turned_targets_of_one_town_are_found_there() -> None:
    rows = flats(300, 9)
    turned = rows.with_columns(rent=pl.when(pl.col("town") == "A").then(20_000 / pl.col("rent")).otherwise("rent"))
    found = labels_flipped(REFERENCE, turned)
    assert found is not None
    assert "rows of town A" in found.said
    assert labels_flipped(REFERENCE, rows) is None
    assert labels_flipped(REFERENCE, turned.filter(pl.col("town") == "A").head(29)) is None


def test_rows_beyond_what_is_known_are_not_judged() -> None:
    far = flats(300, 10).with_columns(
        size=pl.col("size") * 0 + 5000 + pl.int_range(300), rent=pl.int_range(300, 0, -1) * 1.0
    )
    assert labels_flipped(REFERENCE, far) is None


def test_where_the_reference_knows_nothing_nothing_contradicts_it() -> None:
    noise = flats(1000, 11).with_columns(rent=pl.Series(np.random.default_rng(1).uniform(1, 2, 1000)))
    assert labels_flipped(Reference(MODEL, noise.head(700), noise.tail(300)), flats(300, 12)) is None
