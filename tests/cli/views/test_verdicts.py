"""Verdicts are told in sentences; failed ones say why at a glance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.cli.views.verdicts import all_verdicts, verdict_json, verdicts_of_one
from assay.clock import new_id, now_us
from assay.domain.releases.verdict import Check, Verdict
from tests import tiny

CHECKS = (
    Check(name="champion", passed=True, detail="better by 3.0 %"),
    Check(name="size", passed=False, detail="2,000 bytes\x1b[2J, allowed are 1,000"),
)


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
