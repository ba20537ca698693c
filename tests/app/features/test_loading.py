"""A feature table is loaded from files of any kind, from a query or from the application itself, row by row."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.app import Assay
from assay.app.features.loading import load
from assay.errors import ApplicationInvalid, DataInvalid, EntityNotFound
from assay.store.features.rows import Kept
from tests import known

ROWS: list[dict[str, Any]] = [
    {"shop": "s1", **known.SHOP}, {"shop": "s2", **known.SHOP, "staff": None, "town": "north", "name": "Two, too"},
]  # fmt: skip


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with closing(Assay.at(known.write(tmp_path / "app"))) as made:
        yield made


def written(folder: Path, ending: str, rows: list[dict[str, Any]]) -> Path:
    """A file with these rows."""
    file = folder / f"shops{ending}"
    frame = pl.DataFrame(rows)
    if ending == ".csv":
        frame.write_csv(file)
    elif ending == ".parquet":
        frame.write_parquet(file)
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_the_same_rows_of_any_file_are_the_same_entities(assay: Assay, tmp_path: Path, ending: str) -> None:
    table = assay.application.table("shops")
    told = load(assay, table, str(written(tmp_path, ending, ROWS)), "a test")
    assert (told.rows, told.kept, told.refused) == (2, Kept(added=2), {})
    assert [one.values for one in assay.features.page("shops")] == [
        {name: row[name] for name in ("size", "town", "staff", "name")} for row in ROWS
    ]
    assert load(assay, table, str(written(tmp_path, ".jsonl", ROWS)), "a test").kept == Kept(unchanged=2)


def test_rows_of_a_query_are_kept(assay: Assay, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as other, other:
        other.execute("CREATE TABLE t (id TEXT, m2 REAL, town TEXT, staff INT, name TEXT)")
        other.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", [tuple(row.values()) for row in ROWS])
    query = "SELECT id AS shop, m2 AS size, town, staff, name FROM t"
    told = load(assay, assay.application.table("shops"), f"sqlite:///{tmp_path}/other.db", "a test", query=query)
    assert told.kept == Kept(added=2)
    assert assay.features.find("shops", "s2").values["name"] == "Two, too"


def test_a_row_that_breaks_a_rule_is_refused_alone(assay: Assay, tmp_path: Path) -> None:
    rows = [
        *ROWS,
        {"shop": "", **known.SHOP},
        {"shop": "s3", **known.SHOP, "town": "east"},
        {"shop": "s1", **known.SHOP, "size": 7},
    ]
    told = load(assay, assay.application.table("shops"), str(written(tmp_path, ".csv", rows)), "a test")
    assert (told.rows, told.kept) == (5, Kept(added=2))
    assert told.refused == {"invalid_key": 1, "unknown_category": 1}
    assert told.examples[1] == "row 4: #/town: must be one of north, south"
    assert assay.features.find("shops", "s1").values["size"] == 7, "of one key the last counts"
    with pytest.raises(EntityNotFound):
        assay.features.find("shops", "s3")


def test_where_no_row_holds_nothing_is_loaded(assay: Assay, tmp_path: Path) -> None:
    file = written(tmp_path, ".csv", [{"shop": "s1", "size": -1}])
    with pytest.raises(DataInvalid, match="no row can be kept in 'shops'; row 1: #/size: must be a number at least 0"):
        load(assay, assay.application.table("shops"), str(file), "a test")
    with pytest.raises(DataInvalid, match="no such file"):
        load(assay, assay.application.table("shops"), str(tmp_path / "none.csv"), "a test")


def test_the_application_gives_rows_of_its_own(assay: Assay) -> None:
    seen: list[tuple[str, int, int]] = []
    told = load(assay, assay.application.table("shops"), None, "a test", heard=lambda *one: seen.append(one))
    assert (told.source, told.rows, told.kept) == ("data.py", 200, Kept(added=200))
    assert seen == [("200 rows", 1000, 1000)]
    (assay.application.folder / "data.py").write_text("def rows(): ...\n")
    import sys

    sys.modules.pop("data", None)
    with pytest.raises(
        ApplicationInvalid, match=r"data\.py has no function `shops` that returns the rows of the feature table"
    ):
        load(assay, assay.application.table("shops"), None, "a test")
