"""`assay compare` on a real home: for people, for programs, and refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run, as_json

ROWS = "area,kind,rooms,price\n" + "".join(
    f"{50 + place},flat,2,{1000 * (50 + place) + place * 37 % 11 * 900}\n" for place in range(40)
)


def test_two_versions_are_compared_on_the_rows_held_out(assay: Run) -> None:
    told = as_json(assay("compare", 2, 1, "--json"))
    assert (told["first"]["version"], told["second"]["version"], told["source"]) == (2, 1, None)
    assert told["metrics"]["mae"]["second_is"] == "better"
    assert told["metrics"]["mae"]["difference"]["high"] < 0
    assert set(told["segments"]) == set(told["first"]["segments"])
    assert len(told["changes"]) == 5
    assert set(told["changes"][0]) == {"question", "truth", "first", "second", "change"}
    shown = assay("compare", 2, 1)
    assert shown.exit_code == 0
    assert "house-price: version 1 (linear) against version 2 (constant)" in shown.stdout


def test_other_rows_can_be_named(assay: Run, tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text(ROWS)
    told = as_json(assay("compare", 1, 2, "--data", tmp_path / "more.csv", "--rows", 20, "--json"))
    assert (told["rows"], told["metrics"]["mae"]["second_is"]) == (40, "worse")
    assert len(told["changes"]) == 20


def test_the_rows_that_change_can_be_left_out(assay: Run) -> None:
    assert as_json(assay("compare", 1, 2, "--rows", 0, "--json"))["changes"] == []
    assert "change most" not in assay("compare", 1, 2, "--rows", 0).stdout


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((1, 99), 1, "no version 99"), ((1, 3), 1, "cannot answer"), ((1,), 2, "Missing argument 'SECOND'"),
        ((0, 1), 2, "0 is not in the range"), ((1, 2, "--rows", 21), 2, "21 is not in the range"),
        ((1, 2, "--data", "/nowhere.csv"), 1, "nowhere.csv"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_in_one_sentence(
    assay: Run, words: tuple[object, ...], status: int, said: str
) -> None:
    refused = assay("compare", *words)
    assert (refused.exit_code, refused.stdout) == (status, "")
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
