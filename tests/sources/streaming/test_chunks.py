"""Rows come in lists of bounded length, whatever the file is, and it is told how far they are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.errors import DataInvalid
from assay.sources.streaming.chunks import CHUNK, stream

COUNT = 2 * CHUNK + 1


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_a_long_file_comes_in_parts(tmp_path: Path, ending: str) -> None:
    frame = pl.DataFrame({"id": [str(one) for one in range(COUNT)], "n": range(COUNT)})
    file = tmp_path / f"rows{ending}"
    write: dict[str, Any] = {".csv": frame.write_csv, ".parquet": frame.write_parquet, ".jsonl": frame.write_ndjson}
    write[ending](file)
    chunks = list(stream(str(file)))
    assert [len(one.rows) for one in chunks] == [CHUNK, CHUNK, 1]
    assert [str(row["n"]) for one in chunks for row in one.rows] == [str(one) for one in range(COUNT)]
    shares = [one.share for one in chunks]
    assert shares == sorted(shares) and 0 < shares[0] <= 1 and shares[-1] == 1
    assert all(one.texts == (ending == ".csv") for one in chunks)


def test_files_of_a_folder_follow_one_another(tmp_path: Path) -> None:
    for name in "ba":
        (tmp_path / f"{name}.csv").write_text(f"id\n{name}1\n\n{name}2\n")
    (tmp_path / "c.jsonl").write_text('{"id":"c1"}\n\n{"id":"c2"}')
    chunks = list(stream(str(tmp_path)))
    assert [[row["id"] for row in one.rows] for one in chunks] == [["a1", "a2"], ["b1", "b2"], ["c1", "c2"]]
    assert [round(one.share, 3) for one in chunks] == [0.333, 0.667, 1.0]


def test_lines_may_end_in_any_way_and_fields_hold_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfid, note\r\n1,"two\r\nlines, and a comma"\r\n')
    (tmp_path / "b.csv").write_bytes(b"id,note\r2,x\r")
    assert [row for one in stream(str(tmp_path)) for row in one.rows] == [
        {"id": "1", "note": "two\r\nlines, and a comma"}, {"id": "2", "note": "x"},
    ]  # fmt: skip


def test_rows_of_a_query_come_in_parts(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as other, other:
        other.execute("CREATE TABLE t (n INT)")
        other.executemany("INSERT INTO t VALUES (?)", [(one,) for one in range(10_001)])
    chunks = list(stream(f"sqlite:///{tmp_path}/a.db", "SELECT n AS id FROM t"))
    assert [len(one.rows) for one in chunks] == [10_000, 1]
    assert chunks[1].rows == [{"id": 10_000}]


@pytest.mark.parametrize(("name", "data", "said"), [
    ("a.csv", b"id\n1,2\n", "line 2"), ("a.jsonl", b"[1]\n", "line 1"), ("a.parquet", b"PAR1", "a.parquet"), ("a.txt", b"", "not from .txt"),
])  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataInvalid, match=said):
        list(stream(str(tmp_path / name)))
