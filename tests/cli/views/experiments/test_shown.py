"""An experiment is shown in tables that say what came of it, and in JSON."""

from __future__ import annotations

import dataclasses
import json

import pytest

from assay.app.experiments.found import Truth
from assay.cli.views.experiments.shown import interval, show_experiment, show_experiment_decision
from assay.domain.releases.rollout import Arm
from assay.measures.numbers import Apart
from tests import rows
from tests.app.experiments.test_found import ARM, SHADOW, found

HALVES = (Arm(version=1, share=0.5), Arm(version=2, share=0.5))


def test_everything_is_in_the_tables(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "220")
    show_experiment(found(), as_json=False)
    said = capsys.readouterr().out
    for told in (
        "stone: experiment checkout  since 1970-01-01 00:00:01 UTC, as the shares are", "version 1 is the main one",
        "from 1970-01-01 00:00:02 UTC on", "40.0 % (10.0 to 90.0 %)", "-1.50 (-3.00 to +0.50)", "MAE [USD]", "25 s",
        "skipped by version 7: 2 model_timeout", "8 of 9", "75.0 %", "0.125", "0.900", "v2 AP on control",
    ):  # fmt: skip
        assert told in said, said


def test_what_is_not_known_is_not_shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "220")
    nothing = Truth(outcomes=0)
    bare = dataclasses.replace(ARM, truth=nothing, share=None, took_ms={}, values={})
    quiet = dataclasses.replace(SHADOW, truth=nothing, reasons={}, behind_s=None, changed=None, change={})
    show_experiment(found(arms=(bare,), shadows=(quiet,), items=(), whole=True, until=3_000_000), as_json=False)
    said = capsys.readouterr().out
    assert "until 1970-01-01 00:00:03 UTC" in said
    for left_out in ("outcomes", "difference", "skipped by", "the newest answers"):
        assert left_out not in said
    show_experiment(found(shadows=(), items=()), as_json=False)
    assert "shadow" not in capsys.readouterr().out


def test_a_program_is_told_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    show_experiment(found(), as_json=True)
    assert json.loads(capsys.readouterr().out)["arms"][0]["version"] == 1


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("mae", "-1.50 (-3.00 to +0.50)"),
        ("mape", "-150.00 % (-300.00 to +50.00)"),
        ("r2", "-1.5000 (-3.0000 to +0.5000)"),
    ],
)
def test_a_difference_comes_with_its_interval(metric: str, said: str) -> None:
    assert interval(metric, Apart(value=-1.5, low=-3.0, high=0.5)) == said
    assert interval(metric, None) == "–"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"experiment": "checkout", "arms": HALVES}, "stone: experiment checkout: version 1 50.0 %, version 2 50.0 %."),
        ({"experiment": "checkout", "shadows": (7,)}, "version 1 answers; version 7 listens as a shadow."),
        ({"experiment": "checkout", "arms": HALVES, "shadows": (7, 8)}, "; versions 7 and 8 listen as shadows."),
        ({}, "stone: the experiment before is over; version 1 answers alone from now on."),
    ],
)
def test_a_decision_is_told(capsys: pytest.CaptureFixture[str], told: dict[str, object], said: str) -> None:
    before, decided = rows.rollout(1, experiment="before", arms=HALVES), rows.rollout(1, **told)
    show_experiment_decision(before, decided, as_json=False)
    assert said in capsys.readouterr().out
    show_experiment_decision(before, decided, as_json=True)
    assert json.loads(capsys.readouterr().out)["rollout"]["version"] == 1
