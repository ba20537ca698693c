"""Rows come in parts, one for each file, sorted by name, and one that cannot be read says why."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from assay.errors import DataInvalid
from assay.sources.parts import read_parts

CSV = "carat,price\n0.5,1500\n1.0,4000\n"


def test_one_file_is_one_part_named_after_it(tmp_path: Path) -> None:
    (tmp_path / "day.csv").write_text(CSV)
    (part,) = read_parts(str(tmp_path / "day.csv"))
    assert (part.name, part.rows.height, part.refused) == ("day.csv", 2, "")


def test_a_folder_is_a_part_for_each_file_sorted_by_name(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", ".hidden.csv", "c.csv.part", "notes.txt"):
        (tmp_path / name).write_text(CSV)
    pl.read_csv(tmp_path / "a.csv").write_parquet(tmp_path / "c.parquet")
    parts = read_parts(str(tmp_path))
    assert [part.name for part in parts] == ["a.csv", "b.csv", "c.parquet"]
    assert all(part.rows.rows() == [(0.5, 1500), (1.0, 4000)] for part in parts)


def test_parts_of_a_glob_are_named_from_where_they_part(tmp_path: Path) -> None:
    for month in ("2026-02", "2026-01"):
        (tmp_path / month).mkdir()
        (tmp_path / month / "a.csv").write_text(CSV)
    assert [part.name for part in read_parts(f"{tmp_path}/**/*.csv")] == ["2026-01/a.csv", "2026-02/a.csv"]


def test_among_several_files_a_bad_one_is_a_part_without_rows_and_tells_no_path(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "b.csv").write_text("carat,price\n1\n")
    good, bad = read_parts(str(tmp_path))
    assert (good.rows.height, bad.rows.height) == (2, 0)
    assert bad.refused == "b.csv: every line must have the header's 2 fields: line 2 has 1."


def test_the_only_file_or_only_bad_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("carat,price\n1\n")
    for count in (1, 2):
        with pytest.raises(DataInvalid, match=r"a\.csv: every line must"):
            read_parts(str(tmp_path))
        (tmp_path / f"b{count}.csv").write_text("")


def test_nothing_there_and_files_over_the_limit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="holds no"):
        read_parts(str(tmp_path))
    (tmp_path / "a.csv").write_text(CSV)
    with pytest.raises(DataInvalid, match="at most 10 are read"):
        read_parts(str(tmp_path), limit_bytes=10)


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(DataInvalid, match="Rows are not read from http://"):
        read_parts("http://127.0.0.1/a.csv")
