"""A CSV file is checked in chunks as it would be in one piece, and agrees with the standard library about fields."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest

from assay.errors import DataInvalid
from assay.sources import delimited
from assay.sources.delimited import Form, check, header, read


def checked(text: str) -> Form:
    """What the check finds."""
    return check(io.BytesIO(text.encode()), "x")


@pytest.fixture(params=[7, 64, delimited.CHUNK], ids=lambda size: f"chunks of {size}")
def _chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "CHUNK", request.param)


@pytest.mark.usefixtures("_chunks")
@pytest.mark.parametrize("seed", range(30))
def test_random_rows_pass_and_one_row_too_wide_is_found_by_its_line(seed: int) -> None:
    draw = random.Random(seed)
    cells = ["", "1", "0.5", "Very Good", "a,b", 'a"b', "c\nd", "é", "𠀀", '"', "\n", ","]
    rows = [[draw.choice(cells) for _ in range(3)] for _ in range(40)]
    ends = draw.choice(["\n", "\r\n"])
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=ends, quoting=csv.QUOTE_ALL)
    writer.writerow("abc")
    writer.writerows(rows)
    assert checked(out.getvalue()) == Form()
    line = out.getvalue().count("\n") + 1
    writer.writerow(["1", "2", "3", "4"])
    writer.writerows(rows)
    with pytest.raises(DataInvalid, match=f"header's 3 fields: line {line} has 4.$"):
        checked(out.getvalue())


@pytest.mark.usefixtures("_chunks")
@pytest.mark.parametrize("lines", [1, 5, 200])
def test_a_quote_that_is_not_closed_is_found_by_its_line(lines: int) -> None:
    with pytest.raises(DataInvalid, match=f"line {lines + 2}: a quote is opened"):
        checked("a,b\n" + "1,2\n" * lines + '3,"4\n' + '5,"6"\n' * 50)


@pytest.mark.usefixtures("_chunks")
def test_bytes_that_are_not_utf_8_are_found_by_line_and_byte() -> None:
    data = b"a,b\n" + "é,𠀀\r\n".encode() * 30 + b"1,\xff\n"
    with pytest.raises(DataInvalid, match=f"line 32, byte {data.index(0xFF)}: "):
        check(io.BytesIO(data), "x")


@pytest.mark.usefixtures("_chunks")
def test_a_letter_that_is_cut_at_the_end_is_found() -> None:
    with pytest.raises(DataInvalid, match="a letter that is cut"):
        check(io.BytesIO("a\né".encode()[:-1]), "x")


def test_a_field_of_the_longest_length_passes_and_one_longer_does_not() -> None:
    assert checked("a\n" + "x" * delimited.LONGEST_FIELD + "\n") == Form()
    with pytest.raises(DataInvalid, match="line 2: a field is longer"):
        checked("a\n" + "x" * (delimited.LONGEST_FIELD + 1) + "\n")


def test_blank_lines_and_single_returns_are_told() -> None:
    assert checked("a,b\n\n1,2\n") == Form(blank=True)
    assert checked("a,b\r1,2\r") == Form(returns=True)
    assert checked("a,b\n1,2\r3,4\n") == Form(returns=True)


def test_blank_lines_do_not_become_rows_and_rows_of_nothing_stay_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a,b\n\n1,2\n\n\n3,4\n")
    assert read(file, "x").rows() == [(1, 2), (3, 4)]
    file.write_text("a,b\n1,2\n,\n")
    assert read(file, "x").height == 2


def test_digits_of_another_script_are_text_and_leave_other_columns_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text('a,b,c\n"1",2,0.5\n"١٢",3,1.5\n')
    assert read(file, "x").rows() == [("1", 2, 0.5), ("١٢", 3, 1.5)]


def test_names_lose_the_spaces_around_them() -> None:
    assert header(b' carat ,"cut, kind"\n1,2\n', "x") == ["carat", "cut, kind"]
