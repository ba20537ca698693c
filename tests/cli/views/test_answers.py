"""Answers as people see them."""

from __future__ import annotations

import json

from tests.cli.conftest import QUESTION, Run, as_json


def test_one_answer_is_a_line_with_its_unit_and_version(assay: Run) -> None:
    shown = assay("predict", json.dumps(QUESTION)).stdout
    assert shown.count("\n") == 1
    assert " EUR" in shown
    assert "version 1" in shown


def test_several_answers_are_a_table(assay: Run) -> None:
    shown = assay("predict", json.dumps([QUESTION] * 3)).stdout
    assert "price [EUR]" in shown
    assert shown.count(f"{as_json(assay('predict', json.dumps(QUESTION), '--json'))['prediction']:,.2f}") == 3


def test_reasons_are_a_table_with_the_largest_first(assay: Run) -> None:
    shown = assay("predict", json.dumps({**QUESTION, "area": 220.0}), "--explain").stdout
    places = [shown.index(word) for word in ("mean answer", "\n area", "\n rooms", "\n answer")]
    assert places == sorted(places)
    assert "█" in shown
