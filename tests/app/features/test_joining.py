"""Rows of key and target learn from the features that are kept, as they are or as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.app import Assay
from assay.app.features.joining import joined, load_own
from assay.clock import iso, now_us
from assay.errors import DataInvalid
from tests import known


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with closing(Assay.at(known.write(tmp_path / "app"))) as made:
        yield made


def put(assay: Assay, **sizes: float) -> int:
    """Keeps shops of these sizes; when that was done."""
    table = assay.application.table("shops")
    told = {key: table.told({**known.SHOP, "size": size}) for key, size in sizes.items()}
    assay.features.put("shops", told, "a test")
    return now_us()


def test_features_take_the_place_of_keys(assay: Assay) -> None:
    put(assay, a=1, b=2)
    rows = pl.DataFrame({"shop": ["b", "nobody", "a", "b"], "sold": [20.0, 0.0, 10.0, 21.0], "note": list("wxyz")})
    found = joined(assay, assay.application.model("sales"), rows)
    assert found.columns == ["sold", "note", "size", "town", "staff"]
    assert found.rows() == [(20.0, "w", 2.0, "south", 3), (10.0, "y", 1.0, "south", 3), (21.0, "z", 2.0, "south", 3)]


def test_rows_of_nothing_but_keys_have_the_features(assay: Assay) -> None:
    put(assay, a=1)
    found = joined(assay, assay.application.model("sales"), pl.DataFrame({"shop": ["a", "a"]}))
    assert found.rows() == [(1.0, "south", 3)] * 2


def test_a_row_has_the_features_that_were_known_at_its_time(assay: Assay) -> None:
    before = now_us()
    first = put(assay, a=1)
    second = put(assay, a=2)
    assay.features.delete("shops", "a", "a test")
    gone = now_us()
    rows = pl.DataFrame({
        "shop": ["a"] * 4, "sold": [0.0, 1.0, 2.0, 3.0], "as_of": [iso(at) for at in (before, first, second, gone)],
    })  # fmt: skip
    found = joined(assay, assay.application.model("sales"), rows)
    assert found.select("sold", "size").rows() == [(1.0, 1.0), (2.0, 2.0)]
    with pytest.raises(DataInvalid, match="A row's as_of is 'yesterday'"):
        joined(assay, assay.application.model("sales"), rows.with_columns(as_of=pl.lit("yesterday")))


def test_rows_that_hold_the_features_or_no_key_stay_as_they_are(assay: Assay) -> None:
    model = assay.application.model("sales")
    for rows in (
        pl.DataFrame({"shop": ["a"], "size": [1.0], "town": ["north"], "staff": [1], "sold": [1.0]}),
        pl.DataFrame({"sold": [1.0]}),
    ):
        assert joined(assay, model, rows) is rows


def test_parts_are_joined_one_by_one(assay: Assay) -> None:
    @dataclass(frozen=True)
    class Part:
        name: str
        rows: Any

    put(assay, a=1)
    parts = [Part("one", pl.DataFrame({"shop": ["a"], "sold": [1.0]}))]
    (found,) = joined(assay, assay.application.model("sales"), parts)
    assert (found.name, found.rows["size"].to_list()) == ("one", [1.0])


def test_entities_that_nobody_knows_are_nothing_to_learn_from(assay: Assay) -> None:
    rows = pl.DataFrame({"shop": ["a", "b/c"], "sold": [1.0, 2.0]})
    model = assay.application.model("sales")
    with pytest.raises(DataInvalid, match="knows none of the 2 entities of the rows; `assay features load`"):
        joined(assay, model, rows)
    put(assay, a=1)
    with pytest.raises(DataInvalid, match="none of the 2 entities of the rows at the times that `as_of`"):
        joined(assay, model, rows.with_columns(as_of=pl.lit("2001-01-01T00:00:00Z")))


def test_an_applications_own_table_is_loaded_once(assay: Assay) -> None:
    model = assay.application.model("sales")
    load_own(assay, model)
    assert assay.features.count("shops") == 200
    put(assay, s0=999)
    load_own(assay, model)
    assert assay.features.find("shops", "s0").values["size"] == 999, "what was told since then stays"


def test_a_version_learns_from_the_table(tmp_path: Path) -> None:
    with known.opened(tmp_path / "home") as assay:
        version = assay.version("sales")
        assert (version.train_rows, version.test_rows) == (160, 40), "the shop that nobody knows is left out"
        assert version.metrics["mae"] < 10
