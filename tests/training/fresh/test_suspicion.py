"""Sound months pass and planted defects are refused by name, on made-up stones and on the real table."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.errors import DataInvalid, DataSuspect
from assay.training.fresh.suspicion import Known
from assay.training.snapshot import Snapshot, Whole, take
from assay.training.split import HELD_OUT, PART
from tests.training.fresh.months import MODEL, PLANTED, SOUND, Plant, dearer, rows


@cache
def first() -> Snapshot:
    """The first snapshot, of made-up stones."""
    return take(MODEL, rows(5000), "data.py")


@cache
def known() -> Known:
    """Its rows."""
    return Known.of(MODEL, first().dataset.id, first().rows)


def judged(stones: pl.DataFrame, told: Known | None = None) -> Snapshot:
    """The next snapshot, with one more month."""
    return take(MODEL, [Whole("month.csv", stones)], "months", told or known())


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_month_passes(name: str) -> None:
    month = SOUND[name](rows(1200, seed=11))
    found = judged(month)
    assert [(part.refused, part.fresh + part.removed + part.duplicates) for part in found.parts] == [("", month.height)]


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_defect_is_refused_by_its_name_with_figures(name: str) -> None:
    defect, plant = PLANTED[name]
    with pytest.raises(DataSuspect, match=f"^{defect}: month.csv: ") as refusal:
        judged(plant(rows(300, seed=12)))
    assert len(re.findall(r"\d", str(refusal.value))) >= 3


def test_random_months_with_drift_pass_and_with_a_defect_do_not(tier: str) -> None:
    draw = np.random.default_rng(3)
    months = 200 if tier == "nightly" else 10
    plants = list(PLANTED.values())
    refused, found = [], []
    for seed in range(100, 100 + months):
        stones = dearer(rows(int(draw.integers(100, 2001)), seed=seed), float(draw.uniform(-0.2, 0.2)))
        refused += [part.evidence for part in judged(stones).parts if part.refused]
        defect, plant = plants[seed % len(plants)]
        with pytest.raises(DataSuspect) as refusal:
            judged(plant(rows(300 + seed, seed=seed)))
        found.append(str(refusal.value).startswith(defect))
    assert refused == []
    assert all(found)


def test_on_the_real_table_sound_months_pass_and_planted_defects_do_not(shared: Path) -> None:
    table = pl.read_csv(shared / "data" / "diamonds" / "diamonds.csv").sample(fraction=1, shuffle=True, seed=1)
    begun = take(MODEL, table.head(2500), "first")
    real, rest = Known.of(MODEL, begun.dataset.id, begun.rows), table.tail(2500)
    for name, change in SOUND.items():
        assert [part.refused for part in judged(change(rest.head(1200)), real).parts] == [""], name
    for name, (defect, plant) in PLANTED.items():
        with pytest.raises(DataSuspect, match=f"^{defect}: "):
            judged(plant(rest.tail(400)), real)
            raise AssertionError(name)


def test_rows_held_out_that_come_back_are_refused_and_a_whole_file_that_comes_back_is_not() -> None:
    held = first().rows.filter(first().held_out).drop(HELD_OUT, PART)
    month = rows(200, seed=13).with_columns(pl.col("price").cast(pl.Float64)).select(held.columns)
    with pytest.raises(DataSuspect, match=r"held_out_returned: .*40 of the 40 known rows are held out"):
        judged(pl.concat([held.head(40), month]))
    with pytest.raises(DataSuspect, match="held_out_returned"):
        judged(held)
    again = judged(rows(5000))
    assert (again.fresh, again.parts[0].refused, again.dataset.id) == (0, "", first().dataset.id)
    assert judged(pl.concat([held.head(9), month])).parts[0].known == 9


def test_a_bad_month_among_good_ones_is_left_out_and_says_why() -> None:
    bad: Plant = PLANTED["price in cents"][1]
    found = take(MODEL, [Whole("a.csv", rows(300, seed=14)), Whole("b.csv", bad(rows(300, seed=15))), Whole("c.csv", rows(300, seed=16))], "months", known())  # fmt: skip
    assert [part.refused for part in found.parts] == ["", "unit_change", ""]
    assert re.match("b.csv: the values of 'price' are about (9|10)\\d", found.parts[1].evidence)
    assert found.fresh == found.parts[0].fresh + found.parts[2].fresh == found.rows.height - first().rows.height
    assert not {one.part for one in found.removed} - {"a.csv", "c.csv"}


def test_first_rows_may_have_any_number_of_faults_if_they_came_alone_but_no_leak() -> None:
    broken = PLANTED["cuts that there are not"][1](rows(500))
    assert take(MODEL, broken, "stones.csv").dataset.removed >= 50
    parts = take(MODEL, [Whole("a.csv", rows(500)), Whole("b.csv", broken)], "stones").parts
    assert [part.refused for part in parts] == ["", "too_many_faults"]
    with pytest.raises(DataSuspect, match=r"target_leak: stones\.csv: 'carat' tells the target 'price'"):
        take(MODEL, PLANTED["price as the weight"][1](rows(500)), "stones.csv")


def test_what_was_known_to_tell_the_target_is_no_leak() -> None:
    exact = first().rows.with_columns(price=pl.col("carat") * 1000)
    month = rows(300, seed=17).with_columns(price=pl.col("carat") * 1000)
    found = judged(month, Known.of(MODEL, "x", exact))
    assert found.parts[0].refused == ""


def test_known_rows_without_a_side_are_drawn_and_with_another_form_are_refused() -> None:
    bare = first().rows.drop(HELD_OUT, PART)
    assert Known.of(MODEL, "x", bare).rows[HELD_OUT].sum() == 998
    with pytest.raises(DataInvalid, match="has no column 'cut'"):
        Known.of(MODEL, "x", bare.drop("cut"))
