"""A table's rows are judged by the same rules as single questions, and answered the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from assay.cli.opened import opened
from assay.cli.options import Asked
from assay.cli.views.tables import answer_rows, score_file, write
from assay.errors import AssayError, DataInvalid
from assay.serving.loaded import LoadedVersion
from assay.serving.predict import predict
from assay.sources.files import read_rows

CASES = [
    {"area": 80.0, "kind": "flat", "rooms": 3}, {"area": 500.0, "kind": "house", "rooms": 20},
    {"area": 0.0, "kind": "flat", "rooms": 3}, {"area": 500.1, "kind": "flat", "rooms": 3},
    {"area": float("inf"), "kind": "flat", "rooms": 3}, {"area": None, "kind": "flat", "rooms": 3},
    {"area": 80.0, "kind": "Flat", "rooms": 3}, {"area": 80.0, "kind": None, "rooms": 3},
    {"area": 80.0, "kind": "flat", "rooms": 0}, {"area": 80.0, "kind": "flat", "rooms": 2.5},
    {"area": 20.5, "kind": "house", "rooms": 1},
]  # fmt: skip


@pytest.fixture(scope="module")
def version(app: Path, trained: Path) -> Iterator[LoadedVersion]:
    with opened(Asked(app=app, told={"home": trained})) as (assay, model):
        yield assay.loader.load(assay.version(model.name))


def test_a_row_is_accepted_where_the_question_would_be_and_has_its_answer(version: LoadedVersion) -> None:
    found = answer_rows(version, pl.DataFrame(CASES, infer_schema_length=None, strict=False))
    for case, answer, refused in zip(CASES, found["prediction"], found["refused"], strict=True):
        try:
            questions, _ = version.reader.read(json.dumps(case).replace("Infinity", "1e999").encode())
        except AssayError as fault:
            assert refused is not None and refused.split(":")[0] in str(fault)
            assert answer is None
        else:
            assert refused is None
            assert [answer] == predict(version, questions)


def test_a_column_of_another_type_refuses_its_rows(version: LoadedVersion) -> None:
    found = answer_rows(version, pl.DataFrame({"area": ["big", "80"], "kind": ["flat"] * 2, "rooms": [3, 3]}))
    assert found["refused"].to_list() == ["area: must be a number above 0 and at most 500 m2", None]


def test_a_column_that_is_missing_is_named(version: LoadedVersion) -> None:
    with pytest.raises(DataInvalid, match="'rooms'"):
        answer_rows(version, pl.DataFrame({"area": [80.0], "kind": ["flat"]}))


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_answers_are_written_in_the_format_that_the_name_says(tmp_path: Path, ending: str) -> None:
    rows = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    write(rows, tmp_path / f"out.{ending}")
    assert read_rows(tmp_path / f"out.{ending}").equals(rows)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_answers_never_replace_the_questions(version: LoadedVersion, tmp_path: Path) -> None:
    (file := tmp_path / "rows.csv").write_text("area,kind,rooms\n80,flat,3\n")
    with pytest.raises(DataInvalid, match="replace the questions"):
        score_file(version, file, file, as_json=True)
    (file).write_text("area,kind,rooms,version\n80,flat,3,1\n")
    with pytest.raises(DataInvalid, match="'version'"):
        score_file(version, file, tmp_path / "out.csv", as_json=True)
