"""`assay predict` answers what it is asked, wherever the question comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import QUESTION, Run, as_json

ONE = json.dumps(QUESTION)


def test_one_question_has_one_answer_and_a_list_a_list(assay: Run) -> None:
    one = as_json(assay("predict", ONE, "--json"))
    assert set(one) == {"id", "model", "version", "prediction"}
    many = as_json(assay("predict", f"[{ONE},{ONE}]", "--json"))
    assert [each["prediction"] for each in many] == [one["prediction"]] * 2


def test_a_question_may_come_by_standard_input_or_file(assay: Run, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(ONE)
    answers = [
        assay("predict", "-", "--json", told=ONE.encode()),
        assay("predict", "--file", tmp_path / "one.json", "--json"),
    ]
    assert len({as_json(done)["prediction"] for done in answers}) == 1


def test_a_version_of_ones_choice_answers(assay: Run) -> None:
    assert as_json(assay("predict", ONE, "--version", 2, "--json"))["version"] == 2


def test_reasons_add_up_to_the_answer(assay: Run) -> None:
    told = as_json(assay("predict", ONE, "--explain", "--json"))
    assert told["base"] + sum(part["contribution"] for part in told["parts"]) == pytest.approx(
        told["prediction"], abs=0.01
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"), (b"{", "truncated"), (b"\xff", "UTF-8"), (b"[]", "empty"), (b"3", "expected an object"),
        (b'{"area":1,"area":2}', "twice"), (b'{"area": NaN}', "alformed"),
        (b'{"area":80,"kind":"ship","rooms":3}', "one of flat, house"), (b'{"areaa":80}', "did you mean 'area'"),
    ],
)  # fmt: skip
def test_a_bad_question_is_refused_in_words(assay: Run, body: bytes, said: str) -> None:
    refused = assay("predict", "-", "--json", told=body)
    assert refused.exit_code == 1
    assert said in refused.stderr
    assert refused.stdout == ""


def test_every_fault_is_named(assay: Run) -> None:
    refused = assay("predict", '{"area": 0, "kind": 3, "rooms": 1.5}')
    assert "3 things are wrong" in refused.stderr
    assert [name for name in ("#/area", "#/kind", "#/rooms") if name not in refused.stderr] == []


@pytest.mark.parametrize(
    "words", [(), (ONE, "--file", "x.json"), (ONE, "--out", "x.csv"), ("--file", "x.csv"), ("--file", "x.csv", "--out", "x.txt"),
              ("--file", "x.csv", "--out", "y.csv", "--explain")]
)  # fmt: skip
def test_what_does_not_go_together_is_misuse(assay: Run, words: tuple[str, ...]) -> None:
    assert assay("predict", *words).exit_code == 2


def test_a_file_that_is_not_there_fails(assay: Run) -> None:
    refused = assay("predict", "--file", "nowhere.json")
    assert (refused.exit_code, refused.stderr) == (1, "error: nowhere.json: No such file or directory.\n")


def test_a_table_is_answered_and_what_cannot_be_is_told(assay: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("area,kind,rooms,ref\n80,flat,3,a\n-1,flat,3,b\n80,ship,3,c\n80,flat,3,d\n")
    done = assay("predict", "--file", tmp_path / "rows.csv", "--out", tmp_path / "answers.jsonl", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["rows"], told["answered"], told["refused"]) == (4, 2, 2)
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    single = as_json(assay("predict", ONE, "--json"))["prediction"]
    assert [row["prediction"] for row in rows] == [single, None, None, single]
    assert [row["version"] for row in rows] == [1] * 4
    assert [row["ref"] for row in rows] == list("abcd")
