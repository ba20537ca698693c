"""A file is what its first bytes say."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import DataInvalid
from assay.sources.content import refuse_disguise


@pytest.mark.parametrize(
    ("head", "ending", "says"),
    [
        (b"", ".csv", "the file is empty"),
        (b"PAR1\x15", ".csv", "that of a Parquet file"),
        (b"%PDF-1.7", ".jsonl", "that of a PDF file"),
        (b"\x80\x04\x95", ".csv", "a pickle"),
        (b" \n<HTML>", ".csv", "a web page"),
        (b"x" * 257 + b"ustar", ".csv", "a tar archive"),
        (b"carat,cut", ".parquet", "it is something else"),
        (b"PK\x03\x04", ".parquet", "that of a ZIP archive"),
    ],
)
def test_a_disguise_is_named(head: bytes, ending: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / f"x{ending}"
    file.write_bytes(head)
    with pytest.raises(DataInvalid, match=says):
        refuse_disguise(file, ending, "x")


@pytest.mark.parametrize(
    ("head", "ending"), [(b"MZ,cut\n", ".csv"), (b"PARTS,x\n", ".csv"), (b"{}", ".jsonl"), (b"PAR1", ".parquet")]
)
def test_what_only_begins_alike_is_left_alone(head: bytes, ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"x{ending}"
    file.write_bytes(head)
    refuse_disguise(file, ending, "x")
