"""Bad inputs, family D: every file of rows that somebody may hand in, read by the real readers.

Files that come in over HTTP meet these same readers after the door has counted their bytes; what concerns the door alone
(interrupted uploads, names, multipart, lengths that lie) is asked where the door is tested. No store is opened here, and so
neither database is asked.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import assay
from assay.errors import DataInvalid
from assay.sources.columnar import read as read_parquet
from assay.sources.files import read_file
from assay.sources.parts import read_parts
from assay.training.snapshot import Snapshot, take
from tests.promises.conftest import Tally

GOOD = "carat,cut,price\n0.5,Ideal,1500\n1.0,Fair,4000\n1.5,Good,9000\n"
ROWS = pl.DataFrame({"carat": [0.5, 1.0, 1.5], "cut": ["Ideal", "Fair", "Good"], "price": [1500, 4000, 9000]})
COLUMNS = ("carat", "cut", "price")


class Stone(assay.Input):
    carat: float = assay.Number(above=0, at_most=20)
    cut: str = assay.Grade("Fair", "Good", "Ideal")


MODEL = assay.Model("stone", input=Stone, target="price")


def parquet(rows: pl.DataFrame = ROWS, **told: Any) -> bytes:
    """A Parquet file of these rows."""
    file = io.BytesIO()
    rows.write_parquet(file, **told)
    return file.getvalue()


def lines(*rows: object) -> bytes:
    """JSON Lines; a text stands as it is."""
    return b"".join((row if isinstance(row, str) else json.dumps(row)).encode() + b"\n" for row in rows)


def zipped(name: str) -> bytes:
    """A ZIP archive that holds one file of this name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, GOOD)
    return file.getvalue()


def flipped(data: bytes, at: int) -> bytes:
    """The bytes with one of them changed."""
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + bytes(13) + struct.pack(">I", zlib.crc32(b""))
STONE = {"carat": 0.5, "cut": "Ideal", "price": 1500}


@dataclass(frozen=True)
class Case:
    """A file, and the refusal's words; without words it is read."""

    id: str
    data: bytes
    says: str = ""
    name: str = "stones.csv"
    rows: int = 3
    quick_s: float = 10.0


def text(family: str, content: str, says: str = "", **told: Any) -> Case:
    """A CSV file with this content."""
    return Case(family, content.encode(), says, **told)


CASES = [
    text("D01 empty", "", "is empty"),
    text("D01 header only", "carat,cut,price\n", "no rows"),
    text("D01 header without an end", "carat,cut,price", "no rows"),
    text("D01 header and blank lines", "carat,cut,price\n\n\n\n", "no rows"),
    text("D01 blank lines only", "\n\n", "header is missing"),
    Case("D01 no lines of JSON", b"\n\n", "no rows|cannot be read", "stones.jsonl"),
    Case("D01 no rows in Parquet", parquet(ROWS.clear()), "no rows", "stones.parquet"),
    text("D02 no header", "0.5,1,1500\n1.0,2,4000\n", "line 1: there are only numbers"),
    text("D02 a name twice", "carat,cut,carat\n1,2,3\n", "two columns are named 'carat'"),
    text("D02 a name twice but for spaces", "carat,cut, carat\n1,2,3\n", "two columns are named 'carat'"),
    text("D02 a column without a name", "carat,,price\n1,2,3\n", "column 2 has no name"),
    text("D02 a blank name", "carat,  ,price\n1,2,3\n", "column 2 has no name"),
    text("D04 quote not closed", 'carat,cut,price\n0.5,"Ideal,1500\n1.0,Fair,4000\n', "line 2: a quote is opened"),
    text("D04 in the last line", GOOD + '2.0,"Fair,1\n', "line 5: a quote is opened"),
    text("D04 before a quoted one", 'a,b\n"x,1\n"y",2\n', "line 2: a quote is opened"),
    text("D04 text after a quote", 'a,b\n"x"y,1\n', "line 2: a quote is opened"),
    text("D04 a quote amid a field", 'a,b\n1,5" wide\n2,6" wide\n', "line 2: a quote is opened"),
    text("D04 swallowing a long file", 'a,b\n1,"x\n' + "1,2\n" * 100_000, "line 2: a quote is opened"),
    text("D04 good: quoted commas, lines and quotes", 'carat,cut,price\n1,"a,b",1\n2,"c\nd",2\n3,"e""f",3\n'),
    text("D05 a field of 131,073 bytes", "a,b\n1,2\n1," + "x" * 131_073 + "\n", "line 3: a field is longer than 131,072"),
    text("D05 quoted", 'a,b\n1,"' + "x" * 131_073 + '"\n', "line 2: a (field is longer|quote is opened)"),
    text("D05 good: 131,072 bytes", "a,b\n1," + "x" * 131_072 + "\n", rows=1),
    text("D05 a line without an end", "a,b\n1," + "x" * 9_000_000, "line 2: a field is longer"),
    text("D06 too few", "a,b,c\n1,2,3\n1,2\n1,2,3\n", "header's 3 fields: line 3 has 2"),
    text("D06 too many", "a,b,c\n1,2,3\n1,2,3,4\n", "line 3 has 4"),
    text("D06 both, and the last line without an end", "a,b\n1\n1,2,3\n1,2\n1", "line 2 has 1; line 3 has 3; line 5 has 1"),
    text("D06 all of many", "a,b\n" + "1\n" * 5000, r"line 2 has 1; .*\(and 95 or more\)"),
    text("D06 after a quoted line end", 'a,b\n"x\ny",1\n2\n', "line 4 has 1"),
    text("D07 semicolons", GOOD.replace(",", ";"), "separated by semicolons"),
    text("D07 semicolons and decimal commas", "carat;price\n0,5;1500\n", "separated by semicolons"),
    text("D07 tabs", GOOD.replace(",", "\t"), "separated by tabs"),
    text("D07 bars", GOOD.replace(",", "|"), "separated by bars"),
    Case("D08 UTF-16", GOOD.encode("utf-16"), "byte 0: the text is UTF-16"),
    Case("D08 UTF-16 without a mark", GOOD.encode("utf-16-le"), "byte 0: the text is UTF-16"),
    Case("D08 UTF-32", GOOD.encode("utf-32"), "byte 0: the text is UTF-16 or UTF-32"),
    Case("D08 Latin-1", "a,b\n1,x\n2,é\n".encode("latin-1"), r"line 3, byte 10: holds bytes that are not UTF-8"),
    Case("D08 mixed", "a,b\r\n1,é\r\n2,".encode() + b"\xe9\r\n", "line 3, byte 13: holds bytes"),
    Case("D08 good: a byte-order mark", b"\xef\xbb\xbf" + GOOD.encode()),
    Case("D08 in JSON", b'{"cut": "\xe9"}\n', "line 1", "stones.jsonl"),
    Case("D09 a NUL", b"a,b\n1,2\n3,x\0y\n", "line 3, byte 11: holds a NUL"),
    Case("D09 a NUL in JSON", lines({"cut": "x\0"}), "line 1: holds a NUL", "stones.jsonl"),
    text("D10 CRLF", GOOD.replace("\n", "\r\n")),
    text("D10 CR", GOOD.replace("\n", "\r")),
    text("D10 mixed", "carat,cut,price\r\n0.5,Ideal,1500\n1.0,Fair,4000\r1.5,Good,9000\r\n"),
    text("D10 spaces around names", " carat , cut,price \n" + GOOD.partition("\n")[2]),
    text("D10 no line end at the end, blank lines between", GOOD.replace("\n", "\n\n").rstrip("\n")),
    text("D16 1,001 columns", ",".join(f"c{i}" for i in range(1001)) + "\n", "1,001 columns; at most 1,000"),
    text("D16 10,000 columns", ",".join(f"c{i}" for i in range(10_000)) + "\n", "10,000 columns; at most"),
    text("D16 a header of a million letters", "c" * 1_100_000 + "\n1\n", "header is longer"),
    Case("D16 1,001 columns of Parquet", parquet(pl.DataFrame({f"c{i}": [1] for i in range(1001)})), "1,001 columns", "stones.parquet"),
    Case("D16 1,001 keys of JSON", lines({f"c{i}": 1 for i in range(1001)}), "more than 1,000 keys", "stones.jsonl"),
    text("D18 formulas are texts", 'carat,cut,price\n1,"=HYPERLINK(""x"")",1\n2,@SUM(A1),2\n3,+cmd,3\n'),
    text("D19 CSV named .parquet", GOOD, "cannot be read as .parquet", name="stones.parquet"),
    *[Case(f"D19 {noun} named {ending}", data, f"cannot be read as {ending}: ", f"stones{ending}")
      for ending in (".csv", ".jsonl", ".parquet")
      for noun, data in {
          "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PNG": PNG, "ZIP": zipped("stones.csv"), "program": b"MZ\x90\0" + bytes(60),
          "ELF": b"\x7fELF" + bytes(60), "pickle": b"\x80\x04\x95\x10\0\0\0\0\0\0\0.", "old pickle": b"cos\nsystem\n(S'id'\ntR.",
          "SQLite": b"SQLite format 3\0" + bytes(90), "page": b"<!DOCTYPE html><html></html>",
      }.items()],
    Case("D19 Parquet named .csv", parquet(), "its content is that of a Parquet file"),
    Case("D19 Parquet named .jsonl", parquet(), "its content is that of a Parquet file", "stones.jsonl"),
    Case("D20 gzip named so", gzip.compress(GOOD.encode()), r"not from \.gz", "stones.csv.gz"),
    Case("D20 gzip named .csv", gzip.compress(GOOD.encode()), "gzip archive"),
    Case("D20 a zip that climbs", zipped("../../etc/x"), "ZIP archive"),
    Case("D20 a zip named so", zipped("stones.csv"), r"not from \.zip", "stones.zip"),
    Case("D21 nothing", b"", "is empty", "stones.parquet"),
    Case("D21 only PAR1", b"PAR1", "cannot be read", "stones.parquet"),
    Case("D21 PAR1 twice", b"PAR1PAR1", "cannot be read", "stones.parquet"),
    Case("D21 cut footer", parquet()[:-6], "cannot be read", "stones.parquet"),
    Case("D21 cut in the middle", parquet()[: len(parquet()) // 2], "cannot be read", "stones.parquet"),
    Case("D21 garbage", b"PAR1" + bytes(range(256)) * 9 + b"PAR1", "cannot be read", "stones.parquet"),
    Case("D21 a footer that lies about its length", parquet()[:-8] + b"\xff\xff\xff\x7fPAR1", "cannot be read", "stones.parquet"),
    Case("D24 decimals, categories and flags", parquet(ROWS.with_columns(pl.col("price").cast(pl.Decimal(10, 2)), pl.col("cut").cast(pl.Categorical))), name="stones.parquet"),
    Case("D25 encrypted", b"PARE" + parquet()[4:-4] + b"PARE", "cannot be read", "stones.parquet"),
    Case("D25 many row groups", parquet(pl.DataFrame({"a": range(3000)}), row_group_size=1), name="stones.parquet", rows=3000),
    *[Case(f"D26 {literal}", lines(STONE, f'{{"carat": {literal}}}'), "line 2: ", "stones.jsonl")
      for literal in ("NaN", "Infinity", "-Infinity", "nan", "1e999", "[1]", '{"a": 1}', "01", "'x'", "")],
    Case("D26 a text among numbers", lines(STONE, STONE | {"carat": "0.5"}), "line 2: 'carat' is a text, and a number in line 1", "stones.jsonl"),
    Case("D26 a flag among numbers", lines(STONE, STONE, STONE | {"carat": True}), "line 3: 'carat' is true or false, and", "stones.jsonl"),
    Case("D26 a list", lines(STONE, [1]), "line 2: Expected `object`", "stones.jsonl"),
    Case("D26 a number", lines(5), "line 1: Expected `object`", "stones.jsonl"),
    Case("D26 cut", lines(STONE, '{"carat": 1.0,'), "line 2: ", "stones.jsonl"),
    Case("D26 two in a line", lines(STONE, json.dumps(STONE) * 2), "line 2: ", "stones.jsonl"),
    Case("D26 a list of rows", json.dumps([STONE, STONE]).encode(), "line 1: Expected `object`", "stones.jsonl"),
    Case("D26 a line of 2 MB", lines({"cut": "x" * 2_000_000}), "line 1: is longer", "stones.jsonl"),
    Case("D26 a key without a name", lines({"": 1}), "line 1: a key has no name", "stones.jsonl"),
    Case("D26 good: nulls, keys that lack, blank lines, CRLF", lines(STONE, "", {"carat": None, "cut": "Fair"}, "\r", {"price": 2.5}), name="stones.jsonl"),
    Case("D26 good: whole numbers and fractions", lines({"carat": 1}, {"carat": 1.5}, {"carat": 2}), name="stones.jsonl"),
]  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bad_input(case: Case, tmp_path: Path, tally: Callable[[str], Tally]) -> None:
    count = tally("P4")
    file = tmp_path / case.name
    file.write_bytes(case.data)
    since = time.monotonic()
    count.count(1)
    if not case.says:
        assert read_file(file).height == case.rows
    else:
        with pytest.raises(DataInvalid, match=case.says) as refusal:
            read_file(file)
        assert str(file) in str(refusal.value)
        assert len(str(refusal.value)) < 1000 + len(str(file))
        with pytest.raises(DataInvalid) as named:
            read_file(file, "the upload", ending=file.suffix)
        assert str(tmp_path) not in str(named.value), "a refusal under another name tells where the file lies"
    assert time.monotonic() - since < case.quick_s
    count.failures -= 1


# ---- what was read, and is not good enough to learn from


def taken(rows: pl.DataFrame) -> Snapshot:
    """The snapshot of these rows."""
    return take(MODEL, rows, "stones.csv")


def many(**told: Any) -> pl.DataFrame:
    """A hundred good stones, with some columns told otherwise."""
    made = {"carat": [0.5 + i / 100 for i in range(100)], "cut": ["Ideal", "Good"] * 50, "price": [1000 + (i * 37) % 900 for i in range(100)]}  # fmt: skip
    return pl.DataFrame(made | told, strict=False)


@pytest.mark.parametrize(
    ("identity", "rows", "says"),
    [
        ("D03 a column is missing", many().drop("cut"), "the column 'cut' is missing"),
        ("D12 the target is missing", many().drop("price"), "the column 'price' is missing"),
        ("D12 the target is constant", many(price=[5] * 100), "price: .*the same"),
        ("D12 the target is null", many(price=[None] * 100), "0 of 100 rows"),
        ("D12 the target is words", many(price=["x"] * 100), "'price' must hold a number"),
        ("D14 the target as a feature", many(carat=[(1000 + (i * 37) % 900) / 500 for i in range(100)]), "target_leak.*'carat'|'carat'.*target"),
        ("D15 one row", many().head(1), "1 of 1 rows can be learnt from"),
        ("D24 a list", many(carat=[[1.0]] * 100), "'carat' must hold"),
        ("D24 a time", many().with_columns(carat=pl.datetime(2026, 1, 1)), "'carat' must hold"),
        ("D24 bytes", many().with_columns(cut=pl.lit(b"x")), "'cut' must hold|0 of 100 rows"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_learnt_from_are_refused(identity: str, rows: pl.DataFrame, says: str) -> None:
    with pytest.raises(DataInvalid, match=says):
        taken(rows)


@pytest.mark.parametrize("cell", ["1,234.5", "$5", "1e999", "NaN", "inf", "0x10", "١٢", "", "-1", "1_0"])
def test_d11_a_cell_that_is_no_number_sets_its_row_aside(cell: str, tmp_path: Path) -> None:
    file = tmp_path / "stones.csv"
    written = many().with_columns(
        carat=pl.when(pl.arange(0, 100) == 6).then(pl.lit(cell)).otherwise(pl.col("carat").cast(pl.String))
    )
    written.write_csv(file, quote_style="always")
    snapshot = take(MODEL, read_parts(str(file)), "stones.csv")
    assert [one.row for one in snapshot.removed] == [7]
    assert snapshot.removed[0].reason.startswith("carat: ")


def test_d03_columns_that_nobody_asks_for_are_named() -> None:
    assert taken(many().with_columns(shop=1)).dropped == ("shop",)


def test_d10_spaces_around_values_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "stones.csv"
    file.write_text("carat,cut,price\n" + "".join(f"{0.5 + i / 50} , Ideal ,{1000 + i * 7 % 50}\n" for i in range(50)))
    snapshot = take(MODEL, read_parts(str(file)), "stones.csv")
    assert (snapshot.dataset.rows, snapshot.dataset.removed) == (50, 0)


def test_d14_equal_rows_count_once() -> None:
    snapshot = taken(pl.concat([many(), many()]))
    assert (snapshot.dataset.rows, snapshot.dataset.duplicates) == (100, 100)


def test_d17_a_file_longer_than_the_limit_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "stones.csv"
    with file.open("wb") as out:
        out.truncate((1 << 30) + 1)  # sparse: takes no room
    with pytest.raises(DataInvalid, match="at most 1,073,741,824 are read"):
        read_parts(str(file))


def test_d22_a_bomb_is_refused_from_its_footer(tmp_path: Path) -> None:
    file = tmp_path / "bomb.parquet"
    pl.select(pl.repeat(1.0, 40_000_000).alias("x")).write_parquet(file, row_group_size=40_000_000)
    assert file.stat().st_size < 1 << 20
    with pytest.raises(DataInvalid, match=r"its 40,000,000 rows of 1 columns unpack to about 320,000,000 bytes"):
        read_parquet(file, "bomb", decoded_bytes=100 << 20)


def test_d25_a_bomb_whose_footer_lies_ends_the_process_that_opens_it(tmp_path: Path) -> None:
    file = tmp_path / "bomb.parquet"
    pl.select(pl.repeat("x" * (8 << 20), 60).alias("cut")).with_columns(
        pl.col("cut") + pl.arange(0, 60).cast(pl.String)
    ).write_parquet(file, compression="zstd", use_dictionary=False) if False else pl.DataFrame(
        {"cut": ["x" * (8 << 20) + str(i) for i in range(60)]}
    ).write_parquet(file)
    assert file.stat().st_size < 1 << 20
    with pytest.raises(DataInvalid, match="unpack"):
        read_parquet(file, "bomb", decoded_bytes=64 << 20)


@pytest.mark.parametrize("seed", range(40))
def test_d25_a_damaged_byte_is_refused_or_read_and_never_worse(seed: int, tmp_path: Path) -> None:
    data = parquet(many())
    file = tmp_path / "stones.parquet"
    file.write_bytes(flipped(data, (seed * 7919 + 5) % len(data)))
    try:
        read_file(file)
    except DataInvalid as refused:
        assert re.search("cannot be read|no rows|columns|unpack", str(refused))
