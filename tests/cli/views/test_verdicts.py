"""Verdicts are told in sentences; failed ones say why at a glance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.cli.views.verdicts import all_verdicts, asking, show_control, verdict_json, verdicts_of_one
from assay.clock import new_id, now_us
from assay.domain.releases.verdict import Check, Verdict
from tests import tiny

CHECKS = (
    Check(name="champion", passed=True, detail="better by 3.0 %"),
    Check(name="size", passed=False, detail="2,000 bytes\x1b[2J, allowed are 1,000"),
)


FIGURES = {"average_precision": 0.91, "precision": 0.9, "recall": 0.8, "f1": 0.85, "error": 0.125}
CONTROL: dict[str, Any] = {
    "given": True, "inputs": 12, "rows": 1_234, "left_out": 3, "sound": True, "threshold": 0.5, "took_ms": 2.0, "note": "",
    "unheard": {f"bad{place}\x1b.flac": "it holds no sound" for place in range(5)}, "evaluation": "e" * 32,
    "metrics": FIGURES, "metrics_before": FIGURES | {"average_precision": 0.88}, "took_ms_before": 1.0,
    "labels": {
        "zero": FIGURES | {"rows": 70.0, "before": 0.87, "change": 0.04, "low": -0.01, "high": 0.09, "shift": 0.1},
        "one\x1b": {"rows": 0.0, "precision": 0.0},
    },
}  # fmt: skip


def verdict(**told: Any) -> Verdict:
    made: dict[str, Any] = {
        "id": new_id(), "at": now_us(), "model": "stone", "version": 2, "kind": "gate", "outcome": "failed", "against": 1,
        "checks": CHECKS, "by": "a test",
    }  # fmt: skip
    return Verdict(**(made | told))


def test_a_list_says_what_failed_and_no_text_steers_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tiny.opened(tmp_path / "home") as assay:
        assay.verdicts.add(verdict())
        assay.verdicts.add(verdict(outcome="approved", checks=(), evidence={"reason": "Ada knows"}))
        all_verdicts(assay, assay.application.model(None), as_json=False)
        shown = capsys.readouterr().out
    assert "failed" in shown
    assert "2,000 bytes\\x1b[2J, allowed are 1,000" in shown
    assert "better by 3.0 %" not in shown
    assert "Ada knows" in shown


def test_on_a_narrow_terminal_the_reason_has_the_width(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    reason = "mae 501.04 against 305.74 on 998 rows: worse by 63.9 %, wanted more than 0 %"
    failed = verdict(at=0, checks=(Check(name="champion", passed=False, detail=reason),))
    with tiny.opened(tmp_path / "home") as assay:
        assay.verdicts.add(failed)
        assay.verdicts.add(verdict(against=None, outcome="approved", checks=(), evidence={"reason": "Ada\x1b knows"}))
        all_verdicts(assay, assay.application.model(None), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert "1970-01-01 00:00  gate  version 2 against 1  failed" in lines
    assert f"  {reason}" in lines
    assert "  Ada\\x1b knows" in lines
    assert any(line.endswith("  gate  version 2  approved") for line in lines)


def test_a_version_is_told_check_by_check_with_words_and_not_by_colour_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tiny.opened(tmp_path / "home") as assay:
        assay.verdicts.add(verdict())
        assay.verdicts.add(verdict(kind="guard", outcome="passed", checks=()))
        assay.verdicts.add(verdict(outcome="waiting", checks=CHECKS[:1]))
        verdicts_of_one(assay, assay.application.model(None), 2, as_json=False)
        shown = capsys.readouterr().out
    for word in ("gate of version 2 against version 1", "ok", "fail", "better by 3.0 %", "waiting for `assay approve`"):
        assert word in shown
    assert "too little was seen" in shown


def test_where_nothing_was_judged_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tiny.opened(tmp_path / "home") as assay:
        verdicts_of_one(assay, assay.application.model(None), tiny.ROUGH, as_json=False)
    assert "has not been judged" in capsys.readouterr().err


def test_a_verdict_for_programs_has_its_time_as_text() -> None:
    assert verdict_json(verdict())["at"].endswith("Z")


def test_a_look_at_the_control_set_is_told_check_by_check_and_label_by_label(
    capsys: pytest.CaptureFixture[str],
) -> None:
    odd = Check(name="shift", passed=True, warned=True, detail="spread otherwise")
    found = verdict(kind="control", checks=(*CHECKS, odd), evidence=CONTROL)

    assert show_control(found, as_json=False) is False
    shown = capsys.readouterr().out
    for words in (
        "control set of version 2 against version 1  failed", "on 12 recordings, 1,234 seconds of the control set",
        "3 more are left out", "5 cannot be heard (bad0\\x1b.flac, bad1\\x1b.flac, bad2\\x1b.flac)", "spread otherwise",
        "0.8700", "+0.040 (-0.010 to +0.090)", "12.50 %", "one\\x1b",
    ):  # fmt: skip
        assert words in shown
    assert [line.split()[0] for line in shown.splitlines() if " champion " in line or " size " in line or " shift " in line] == [
        "ok", "fail", "warn",
    ]  # fmt: skip


def test_a_first_version_on_rows_held_out_has_nothing_before_it(capsys: pytest.CaptureFixture[str]) -> None:
    told = {name: value for name, value in CONTROL.items() if not name.endswith("_before")}
    told |= {
        "given": False,
        "sound": False,
        "left_out": 0,
        "unheard": {},
        "note": "no other version has answered before",
    }

    assert show_control(verdict(kind="control", outcome="warned", against=None, evidence=told), as_json=False)
    shown = capsys.readouterr().out
    assert "control set of version 2  warned" in shown
    assert "on 1,234 rows held out when it was trained; no other version has answered before" in shown
    assert "before " not in shown.splitlines()[-6]


def test_one_that_could_not_be_asked_has_checks_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_control(verdict(kind="control"), as_json=True) is False
    assert '"kind": "control"' in capsys.readouterr().out
    show_control(verdict(kind="control"), as_json=False)
    assert "label" not in capsys.readouterr().out


def test_in_a_list_what_is_worth_a_look_is_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = Check(name="shift", passed=True, warned=True, detail="spread otherwise")
    with tiny.opened(tmp_path / "home") as assay:
        assay.verdicts.add(verdict(kind="control", outcome="warned", checks=(CHECKS[0], odd)))
        all_verdicts(assay, assay.application.model(None), as_json=False)
    shown = capsys.readouterr().out
    assert "warned" in shown
    assert "spread otherwise" in shown
    assert "better by 3.0 %" not in shown


def test_where_nobody_looks_no_progress_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with asking() as heard:
        heard("control set", 1, 2)
    assert capsys.readouterr() == ("", "")
