"""The process that decodes writes the rows, or says why not."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from assay.errors import DataInvalid
from assay.sources.columnar import REFUSED
from assay.sources.decoding import bounded, decode


def test_the_rows_are_written_as_an_arrow_file(tmp_path: Path) -> None:
    rows = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    rows.write_parquet(tmp_path / "x.parquet")
    decode(tmp_path / "x.parquet", tmp_path / "x.arrow", 1 << 20)
    assert pl.read_ipc(tmp_path / "x.arrow").equals(rows)


def test_what_the_footer_says_is_too_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    pl.DataFrame({"a": range(1000), "b": [True] * 1000, "c": ["x"] * 1000}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataInvalid, match="about 25,000 bytes"):
        decode(tmp_path / "x.parquet", tmp_path / "x.arrow", 24_999)
    assert not (tmp_path / "x.arrow").exists()


def test_what_the_footer_does_not_say_is_refused_afterwards(tmp_path: Path) -> None:
    pl.DataFrame({"a": ["x" * 10_000 + str(i) for i in range(100)]}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataInvalid, match="its rows unpack to"):
        decode(tmp_path / "x.parquet", tmp_path / "x.arrow", 500_000)


def test_the_program_says_why_by_its_status_and_output(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nothing PAR1")
    command = [sys.executable, "-m", "assay.sources.decoding", "x.parquet", "x.arrow", "1000000"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == REFUSED
    assert ran.stdout.startswith("the file cannot be read as .parquet (")
    assert "Traceback" not in ran.stdout


def test_a_limit_is_never_above_the_one_that_holds_already() -> None:
    assert bounded(5, resource.RLIM_INFINITY) == bounded(5, 9) == (5, 5)
    assert bounded(9, 5) == (5, 5)
