"""A snapshot holds usable rows only, once each and each on its side, says what became of the rest, and is named by its content."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

import assay
from assay.errors import ApplicationInvalid, DataInvalid
from assay.training.snapshot import Known, Snapshot, Whole, read_parquet, take
from assay.training.split import HELD_OUT, PART, split
from tests.training.fresh import months


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
        "depth": pl.Float64, "price": pl.Float64, "__held_out": pl.Boolean, "__part": pl.Int32,
    }  # fmt: skip
    assert taken.dataset.columns == {name: str(kind) for name, kind in taken.rows.schema.items() if name in GOOD}
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
        (
            {"cut": ["?", "?", "?", "Fair"]},
            "1 of 4 rows can be learnt from.* Set aside: 3 × cut: must be one of Fair, Good, Ideal",
        ),
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


# ---- sides: what was held out once is never learnt from


def many(count: int, seed: int = 0) -> pl.DataFrame:
    """Stones of which no two are equal."""
    made: pl.DataFrame = months.rows(count, seed=seed)
    return made.unique(maintain_order=True)


def next_of(before: Snapshot, *parts: pl.DataFrame) -> Snapshot:
    """The snapshot after another one."""
    given = [Whole(f"{at}.csv", part) for at, part in enumerate(parts)]
    return take(months.MODEL, given, "folder", Known.of(months.MODEL, before.dataset.id, read_parquet(before.parquet)))


def test_a_first_split_is_that_of_today_to_the_order() -> None:
    first = take(months.MODEL, many(5000, 42), "data.py")
    bare = first.rows.drop(HELD_OUT, PART)
    assert [side.to_dicts() for side in split(first.rows, 0.2, 42)] == [
        side.to_dicts() for side in split(bare, 0.2, 42)
    ]
    assert (first.dataset.held_out, first.held_out.sum(), first.rows[PART].unique().to_list()) == (998, 998, [0])
    assert (first.fresh, first.dataset.fresh, first.dataset.parent) == (4989, 4989, None)


def test_on_the_real_table_998_rows_are_held_out_and_the_one_equal_row_counts_once(shared: Path) -> None:
    table = pl.read_csv(shared / "data" / "diamonds" / "diamonds.csv")
    first = take(months.MODEL, table, "diamonds.csv")
    assert (first.dataset.rows, first.dataset.removed, first.dataset.duplicates, first.dataset.held_out) == (
        4988,
        11,
        1,
        998,
    )
    again = next_of(first, table.sample(fraction=1, shuffle=True, seed=5))
    assert (again.dataset.id, again.fresh, again.parts[0].known) == (first.dataset.id, 0, 4989)


def test_of_equal_rows_the_one_that_is_held_out_stays() -> None:
    once = many(200)
    first = take(months.MODEL, pl.concat([once, once]), "a.csv")
    drawn = split(pl.concat([once, once]).filter(pl.col("price") > 0, pl.col("x") > 0).with_row_index("at"), 0.2, 42)[1]
    assert first.dataset.duplicates == first.dataset.rows
    held = first.rows.filter(HELD_OUT).drop(HELD_OUT, PART)
    assert held.height == drawn.drop("at").unique().height
    assert held.join(first.rows.filter(~pl.col(HELD_OUT)), on=held.columns, how="semi", nulls_equal=True).height == 0


def test_known_rows_keep_their_side_whatever_the_order_of_rows_and_files() -> None:
    first = take(months.MODEL, many(1000, 1), "a.csv")
    old, new = many(1000, 1), many(400, 2)
    shuffled = pl.concat([old, new]).sample(fraction=1, shuffle=True, seed=3)
    for parts in ([old, new], [new, old], [shuffled], [shuffled.head(700), shuffled.tail(-700)]):
        second = next_of(first, *parts)
        assert second.rows.head(first.rows.height).equals(first.rows)
        assert second.fresh == second.rows.height - first.rows.height
        assert set(second.rows.tail(second.fresh)[PART].to_list()) == {1}
        assert second.dataset.parent == first.dataset.id


def test_what_is_held_out_once_is_never_learnt_from_by_any_successor() -> None:
    given = [many(600, 1)]
    snapshot = take(months.MODEL, given[0], "a.csv")
    held = snapshot.rows.filter(HELD_OUT).drop(HELD_OUT, PART)
    for seed in range(2, 6):
        given.insert(0, many(300, seed).sample(fraction=1, shuffle=True, seed=seed))
        snapshot = next_of(snapshot, *given)
        learnt, judged = split(snapshot.rows, 0.2, 42)
        assert learnt.join(held, on=held.columns, how="semi", nulls_equal=True).height == 0
        assert judged.join(held, on=held.columns, how="semi", nulls_equal=True).height == held.height
        held = judged
    assert snapshot.rows[PART].unique(maintain_order=True).to_list() == [0, 1, 2, 3, 4]
    assert held.height == pytest.approx(0.2 * snapshot.rows.height, rel=0.02)


def test_what_the_parts_hold_no_longer_is_forgotten_unless_one_of_them_was_refused() -> None:
    old, new = many(500, 1), many(300, 2)
    first = take(months.MODEL, old, "a.csv")
    known = Known.of(months.MODEL, first.dataset.id, first.rows)
    fewer = take(months.MODEL, [Whole("a.csv", old.slice(100)), Whole("b.csv", new)], "here", known)
    assert fewer.rows.height < first.rows.height + fewer.fresh
    gone = first.rows.join(fewer.rows, on=[HELD_OUT, *months.MODEL.fields], how="anti", nulls_equal=True)
    assert 95 <= gone.height <= 100
    torn = take(months.MODEL, [Whole("a.csv", pl.DataFrame(), "it is torn"), Whole("b.csv", new)], "here", known)
    assert torn.rows.height == first.rows.height + torn.fresh


def test_fresh_rows_are_drawn_part_by_part() -> None:
    first = take(months.MODEL, many(500, 1), "a.csv")
    a, b = many(300, 2), many(200, 3)
    old = many(500, 1)
    together, alone = next_of(first, old, a, b).rows, next_of(first, old, a).rows
    assert together.head(alone.height).equals(alone)


def test_each_part_says_what_became_of_its_rows() -> None:
    first = take(months.MODEL, many(500, 1), "a.csv")
    new = many(400, 2)
    second = next_of(first, many(500, 1), new, new.head(100), new.drop("cut"))
    said = [
        (part.name, part.rows, part.fresh, part.known, part.removed, part.duplicates, part.refused)
        for part in second.parts
    ]
    kept = new.filter(pl.col("price") > 0, pl.col("x") > 0)
    of_head = new.head(100).filter(pl.col("price") > 0, pl.col("x") > 0).height
    assert said == [
        ("0.csv", 500, 0, first.dataset.rows, 500 - first.dataset.rows, 0, ""),
        ("1.csv", 400, kept.height, 0, 400 - kept.height, 0, ""),
        ("2.csv", 100, 0, 0, 100 - of_head, of_head, ""),
        ("3.csv", 400, 0, 0, 0, 0, "missing_column"),
    ]
    assert second.dataset.parts == second.parts
    assert {one.part for one in second.removed} <= {"0.csv", "1.csv", "2.csv"}
    assert b'"part":"1.csv"' in second.removed_lines


def test_the_profile_is_that_of_all_rows() -> None:
    first = take(months.MODEL, many(500, 1), "a.csv")
    assert list(first.profile) == [*months.MODEL.fields, "price"]
    assert first.dataset.profile["carat"]["count"] == first.dataset.rows
    assert msgspec.json.decode(msgspec.json.encode(first.dataset), type=type(first.dataset)) == first.dataset


def test_a_field_of_our_own_name_is_refused() -> None:
    class Odd(assay.Input):
        carat: float = assay.Number()

    with pytest.raises(ApplicationInvalid, match="'__held_out' cannot name a column"):
        take(assay.Model("odd", input=Odd, target=HELD_OUT), pl.DataFrame({"carat": [1.0], HELD_OUT: [1.0]}), "a.csv")


def test_parts_that_are_all_unreadable_are_refused_with_their_sentences() -> None:
    with pytest.raises(DataInvalid, match=r"a\.csv: broken"):
        take(model(), [Whole("a.csv", pl.DataFrame(), "a.csv: broken.")], "folder")
    with pytest.raises(DataInvalid, match="there are no rows"):
        take(model(), [], "folder")


def test_equal_rows_are_kept_where_the_model_says_so() -> None:
    twice = pl.concat([many(300, 1)] * 2)
    model = replace(months.MODEL)  # without its cleaning rule
    once = take(model, twice, "a.csv")
    kept = take(replace(model, keep_equal=True), twice, "a.csv")
    assert kept.rows.height == 2 * once.rows.height
    assert (kept.dataset.duplicates, once.dataset.duplicates) == (0, once.rows.height)
