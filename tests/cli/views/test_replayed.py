"""What a replay came to, in words and by its exit status."""

from __future__ import annotations

from typing import Any

import pytest

from assay.app.replaying import Replayed, Tally
from assay.cli.views.replayed import progress, show_replay, show_replayed
from assay.domain.model import Model
from assay.sources.application import Application
from tests import tiny


@pytest.fixture(scope="module")
def stone() -> Model[Any]:
    return Application.at(tiny.application()).model(None)


def given(recomputed: str = "1.5") -> Replayed:
    return Replayed(id="ab" * 16, version=1, question='{"carat":1.0}', recorded="1.5", recomputed=recomputed)


def test_differences_are_listed_and_counted(stone: Model[Any], capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally(equal=3)
    tally.take([given(), *[given(f"{i}.25") for i in range(12)]])
    tally.give_up(7, 2, "There is no\x1b version 7.")
    assert not show_replay(tally, stone, as_json=False)
    shown = capsys.readouterr().out
    for word in (
        "18 answers",
        "4 equal",
        "12 different",
        "2 that cannot",
        "version 7, 2 answers",
        "0.25",
        "and 2 more",
    ):
        assert word in shown
    assert "\x1b" not in shown


def test_where_all_is_equal_that_is_said(stone: Model[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert show_replay(Tally(equal=3), stone, as_json=False)
    assert "3 equal byte for byte, 0 different" in capsys.readouterr().out


def test_one_answer_is_shown_with_both_texts(stone: Model[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert show_replayed(given(), stone, as_json=False)
    assert not show_replayed(given("1.50"), stone, as_json=False)
    shown = capsys.readouterr().out
    assert [word for word in ("equal, byte for byte", "different", "1.50", '{"carat":1.0}') if word not in shown] == []


def test_without_a_terminal_progress_is_a_line_a_quarter(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as heard:
        for done in range(0, 101, 5):
            heard(done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["25", "50", "75", "100"]
