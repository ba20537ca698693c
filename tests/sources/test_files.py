"""Rows come from files, folders and globs, and what cannot be read is refused with the file's name and the rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from assay.errors import DataInvalid
from assay.sources.files import read_rows

ROWS = pl.DataFrame({"carat": [0.5, 1.0], "cut": ["Ideal", "Fair"], "price": [1500, 4000]})


def write(path: Path, rows: pl.DataFrame) -> Path:
    writers: dict[str, Callable[[Path], None]] = {
        ".csv": rows.write_csv, ".parquet": rows.write_parquet, ".jsonl": rows.write_ndjson,
    }  # fmt: skip
    writers[path.suffix](path)
    return path


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_each_kind_of_file_gives_the_same_rows(tmp_path: Path, ending: str) -> None:
    assert read_rows(write(tmp_path / f"stones{ending}", ROWS)).equals(ROWS)


def test_a_folder_gives_every_file_sorted_by_name_and_leaves_other_files_alone(tmp_path: Path) -> None:
    write(tmp_path / "b.csv", ROWS.tail(1))
    write(tmp_path / "a.parquet", ROWS.head(1))
    (tmp_path / "notes.txt").write_text("not rows")
    assert read_rows(str(tmp_path)).equals(ROWS)


def test_a_glob_gives_only_the_files_that_it_names(tmp_path: Path) -> None:
    write(tmp_path / "day-1.csv", ROWS)
    write(tmp_path / "other.csv", ROWS)
    assert read_rows(tmp_path / "day-*.csv").height == 2


def test_columns_in_another_order_are_put_into_the_order_of_the_first_file(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", ROWS)
    write(tmp_path / "b.csv", ROWS.select("price", "cut", "carat"))
    assert read_rows(tmp_path).equals(pl.concat([ROWS, ROWS]))


def test_whole_numbers_in_one_file_and_fractions_in_another_fit_together(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", pl.DataFrame({"carat": [1, 2]}))
    write(tmp_path / "b.csv", pl.DataFrame({"carat": [0.5]}))
    assert read_rows(tmp_path)["carat"].to_list() == [1.0, 2.0, 0.5]


def test_a_fraction_in_the_last_of_many_rows_does_not_break_the_reading(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    file.write_text("carat\n" + "1\n" * 5000 + "0.5\n")
    assert read_rows(file)["carat"].to_list()[-1] == 0.5


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("stones.csv", b"", "is empty"),
        ("stones.csv", b"carat,price\n", "no rows"),
        ("stones.xlsx", b"PK", "not from .xlsx"),
        ("stones.parquet", b"PAR1 this is not parquet PAR1", "cannot be read"),
        ("stones.jsonl", b"{not json}\n", "line 1: JSON is malformed"),
        ("stones.csv", b"carat,cut\n0.5,\xff\xfe\n", "line 2, byte 14: holds bytes that are not UTF-8"),
    ],
)
def test_an_unusable_file_is_refused_by_name_and_rule(tmp_path: Path, name: str, content: bytes, rule: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DataInvalid, match=rule) as refusal:
        read_rows(file)
    assert str(file) in str(refusal.value)


def test_a_missing_path_an_empty_folder_and_a_glob_without_a_match_are_refused(tmp_path: Path) -> None:
    for path, rule in [(tmp_path / "none.csv", "no such"), (tmp_path, "holds no"), (tmp_path / "*.csv", "no such")]:
        with pytest.raises(DataInvalid, match=rule):
            read_rows(path)


def test_a_file_with_other_columns_is_named_with_what_it_lacks_and_adds(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", ROWS)
    write(tmp_path / "b.csv", ROWS.rename({"cut": "shape"}))
    with pytest.raises(DataInvalid, match=r"b\.csv: .*lacks cut and adds shape"):
        read_rows(tmp_path)


def test_types_that_do_not_fit_together_are_refused_and_the_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", ROWS)
    write(tmp_path / "b.parquet", ROWS.with_columns(carat=pl.lit("heavy")))
    with pytest.raises(DataInvalid, match=r"b\.parquet: the types of column 'carat'"):
        read_rows(tmp_path)


def test_a_glob_that_names_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "day.txt").write_text("x")
    with pytest.raises(DataInvalid, match=r"not from \.txt"):
        read_rows(tmp_path / "day*")
