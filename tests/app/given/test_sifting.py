"""The child says of a file which rows can be learnt from, and why it refuses one, in a word that programs know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from assay.app.given.receiving import Sift, Sifted
from assay.app.given.sifting import sift
from assay.domain.given.upload import Format
from tests import tiny

HEADER = "carat,cut,color,price\n"
GOOD = HEADER + "".join(f"{0.5 + i / 100},Ideal,E,{1000 + i}\n" for i in range(40))


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write(tmp_path_factory.mktemp("sifted") / "app")


def told(application: Path, body: bytes, format_: Format = "csv") -> Sift:
    file = application.parent / "secret-place.part"
    file.write_bytes(body)
    return Sift(folder=str(application), model="stone", file=str(file), format=format_)


def test_good_rows_are_counted_and_others_with_their_reasons(application: Path) -> None:
    found = sift(told(application, (GOOD + "1,Ideal,E,-1\n1,Ideal,E,-2\n1,Bad,E,5\n").encode()))
    assert (found.rows, found.removed, found.error) == (40, 3, "")
    assert found.reasons == {"plausible: A stone has a price": 2, "cut: must be one of Fair, Good, Ideal": 1}


def test_the_cleaning_rule_may_set_aside_any_number(application: Path) -> None:
    found = sift(told(application, (HEADER + "1,Ideal,E,5\n" + "1,Ideal,E,-1\n" * 9).encode()))
    assert (found.rows, found.removed) == (1, 9)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "no_rows"), (HEADER, "no_rows"), (HEADER + "\n\n", "no_rows"),
        ("carat,carat,cut,color,price\n1,1,Ideal,E,5\n", "bad_header"), ("carat,,cut,price\n1,1,Ideal,5\n", "bad_header"),
        ("carat,cut,price\n1,Ideal,5\n", "missing_column"), ("carat,cut,color\n1,Ideal,E\n", "bad_target"),
        (HEADER + "1,Ideal,E,\n", "bad_target"), (HEADER + "1,Ideal,E,cheap\n", "bad_target"),
        (HEADER + "heavy,Ideal,E,5\n", "wrong_type"), (HEADER + '1,"Ideal,E,5\n1,Ideal,E,5\n', "csv_unclosed_quote"),
        (HEADER + "1,Ideal\n", "ragged_row"), (HEADER.replace(",", ";") + "1;Ideal;E;5\n", "wrong_dialect"),
        (HEADER + "1,Id\0eal,E,5\n", "invalid_string"), (HEADER + "1," + "x" * 200_000 + ",E,5\n", "field_too_large"),
        (",".join(f"c{i}" for i in range(2000)) + "\n", "too_many_columns"), (HEADER + "1,Ideal,E,-1\n", "too_few_rows"),
        (HEADER + "1,Bad,E,5\n1,Ideal,E,5\n", "dataset_rejected"), ("%PDF-1.7", "unsupported_file"),
    ],
)  # fmt: skip
def test_each_refusal_has_its_word_and_no_place_of_ours(application: Path, body: str, code: str) -> None:
    found = sift(told(application, body.encode()))
    assert (found.code, found.rows) == (code, 0)
    assert "secret" not in found.error
    assert not found.error[0].islower() and found.error.endswith(".")


@pytest.mark.parametrize(
    ("body", "format_", "code"),
    [
        (GOOD.encode("utf-16"), "csv", "bad_encoding"), (HEADER.encode() + "1,Idéal,E,5\n".encode("latin-1"), "csv", "bad_encoding"),
        (b"PAR1", "parquet", "parquet_invalid"), (b"PAR1" + b"x" * 100 + b"PAR1", "parquet", "parquet_invalid"),
        (GOOD.encode(), "parquet", "unsupported_file"), (b"PAR1 and more", "csv", "unsupported_file"),
        (b'{"carat": NaN}\n', "jsonl", "jsonl_invalid"), (b"\x80\x04K\x01.", "csv", "unsupported_file"),
    ],
)  # fmt: skip
def test_bytes_that_are_not_what_they_are_called_are_refused(
    application: Path, body: bytes, format_: Format, code: str
) -> None:
    assert sift(told(application, body, format_)).code == code


def test_the_program_answers_with_nothing_but_its_answer(application: Path) -> None:
    noisy = tiny.write(application.parent / "noisy")
    with (noisy / "model.py").open("a") as file:
        file.write("\nprint('hello from the author')\n")
    asked = msgspec.json.encode(told(noisy, GOOD.encode()))
    command = [sys.executable, "-P", "-m", "assay.app.given.sifting", str(8 << 30)]
    ran = subprocess.run(command, input=asked, capture_output=True, check=True)
    assert msgspec.json.decode(ran.stdout, type=Sifted).rows == 40
