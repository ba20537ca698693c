"""A Parquet file is decoded in a process that may be lost, and gives the same rows."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from assay.errors import DataInvalid
from assay.sources import columnar
from assay.sources.columnar import read

ROWS = pl.DataFrame(
    {"a": [1, None, 3], "b": ["x", None, "𠀀"], "c": [True, False, None], "d": [0.5, float("nan"), None]}
)


@pytest.mark.parametrize("trusted", [True, False])
def test_the_rows_are_the_same_with_and_without_a_process_of_their_own(trusted: bool, tmp_path: Path) -> None:
    ROWS.write_parquet(tmp_path / "x.parquet")
    assert read(tmp_path / "x.parquet", "x", trusted=trusted).equals(ROWS)


def test_more_memory_than_allowed_is_refused(tmp_path: Path) -> None:
    pl.select(pl.repeat(1.5, 3_000_000).alias("x")).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataInvalid, match="x: its 3,000,000 rows of 1 columns unpack to about 24,000,000 bytes"):
        read(tmp_path / "x.parquet", "x", decoded_bytes=20_000_000)


def test_a_process_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ROWS.write_parquet(tmp_path / "x.parquet")
    monkeypatch.setattr(columnar, "TIMEOUT_S", 0.01)
    with pytest.raises(DataInvalid, match=r"decoding takes longer than 0\.01 s"):
        read(tmp_path / "x.parquet", "x")
