"""A comparison as people see it: intervals with their sign, the word beside the colour, and rows that fit."""

from __future__ import annotations

import pytest

from assay.app.comparing import Change, Comparison, Found, Side, Standing
from assay.cli.views.compared import interval, show_comparison
from assay.training.paired import Difference


def found(value: float, low: float, high: float, second_is: Standing = "better", rows: int = 60) -> Found:
    difference = Difference(value=value, low=low, high=high, better=0.9)
    return Found(rows=rows, difference=difference, second_is=second_is)


def side(number: int, mae: float) -> Side:
    segments = {"carat 0-1": {"rows": 12.0, "mae": mae / 2}}
    return Side(
        version=number, recipe="linear", dataset="ab" * 32, metrics={"mae": mae, "mape": 0.1}, segments=segments
    )


def comparison(**told: object) -> Comparison:
    change = Change(
        question={"carat": 1.5, "cut": None, "note": "\x1b[2Jwiped"},
        truth=9.0,
        first=1234.5,
        second=2.0,
        change=-1232.5,
    )
    made: dict[str, object] = {
        "model": "stone", "metric": "mae", "unit": "USD", "first": side(3, 320.0), "second": side(7, 300.0),
        "source": None, "rows": 60, "known": 2, "set_aside": 0, "changes": (change,) * 3,
        "metrics": {"mae": found(-20.0, -31.5, -8.25), "mape": found(0.012, -0.001, 0.025, "unclear")},
        "segments": {"carat 0-1": found(-10.0, -20.0, 1.0, "too few rows", rows=12)},
    }  # fmt: skip
    return Comparison(**(made | told))  # type: ignore[arg-type]  # the values are of many types


def shown(capsys: pytest.CaptureFixture[str], rows: int = 5, **told: object) -> str:
    show_comparison(comparison(**told), rows=rows, as_json=False)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("metric", "bounds", "said"),
    [
        ("mae", (-12.34, -20.06, -4.2), "-12.34 (-20.06 to -4.20)"),
        ("rmse", (1500.0, -0.02, 3000.44), "+1,500.0 (-0.0 to +3,000.4)"),
        ("mae", (0.00123, -0.001, 0.01), "+0.0012 (-0.0010 to +0.0100)"),
        ("mape", (-0.0123, -0.02, 0.001), "-1.23 % (-2.00 to +0.10)"),
        ("r2", (0.01234, 0.001, 0.02), "+0.0123 (+0.0010 to +0.0200)"),
    ],
)
def test_an_interval_is_written_with_signs_and_as_many_digits_as_it_has(
    metric: str, bounds: tuple[float, float, float], said: str
) -> None:
    assert interval(metric, found(*bounds)) == said


def test_both_versions_stand_beside_their_difference_and_the_word(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [" ".join(line.split()) for line in shown(capsys).splitlines()]
    assert lines[0] == "stone: version 7 (linear) against version 3 (linear)"
    assert "MAE [USD] 320.0 300.0 -20.00 (-31.50 to -8.25) better" in lines
    assert "MAPE 10.00 % 10.00 % +1.20 % (-0.10 to +2.50) unclear" in lines
    assert "carat 0-1 12 160.0 150.0 -10.00 (-20.00 to +1.00) too few rows" in lines


def test_what_the_rows_are_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    held_out = shown(capsys)
    assert "on 60 rows held out when version 7 was trained; 2 more are left out" in held_out
    assert "left out" not in shown(capsys, known=0)
    others = shown(capsys, source="more.csv", set_aside=4)
    assert "on all 60 rows of more.csv, 4 more set aside; one of the two has learnt from 2 of them" in others


def test_rows_that_change_are_shown_with_nothing_that_a_terminal_would_obey(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = shown(capsys, rows=2)
    assert said.count("-1,232.50") == 2
    assert "\\x1b[2Jwiped" in said
    assert "\x1b" not in said
    assert "change most" not in shown(capsys, rows=0)


def test_a_long_question_becomes_one_column(capsys: pytest.CaptureFixture[str]) -> None:
    question = {f"field{place}": place for place in range(11)}
    change = Change(question=question, truth=1.0, first=1.0, second=2.0, change=1.0)
    said = shown(capsys, changes=(change,))
    assert "question" in said
    assert "field0 0, field1 1" in said


def test_a_version_that_is_compared_with_itself_keeps_two_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert "version 3 again" in shown(capsys, second=side(3, 320.0))
