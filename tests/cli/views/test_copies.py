"""Copies are told in a few lines, with what to do next, and nothing in them that a terminal would obey."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.progress import Progress

from assay.cli.views.copies import Bars, check_of, progress, show_backup, show_restored, show_upgraded
from assay.store.copies.named import Place
from assay.store.copies.notice import Notice
from assay.store.copies.soundness import Finding

MADE = Notice(
    began_at="2026-03-03T12:00:00.123456Z", assay="0.1.0", source="sqlite", schema="0003", database="ab" * 32,
    rows={"exchanges": 1_000_000, "predictions": 3}, database_bytes=1 << 20, files=2, files_bytes=1 << 20,
    missing={"cd" * 32: "version 1 of \x1b[2Jstone"},
)  # fmt: skip


def test_a_backup_is_told_with_what_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    show_backup(MADE, Path("there"), as_json=False)
    said = capsys.readouterr().out
    assert "as of 2026-03-03 12:00:00 UTC" in said
    assert "1,000,000 exchanges, 3 predictions, 0 versions" in said
    assert "2 files; 2.0 MiB in all, schema 0003" in said
    assert "a file of version 1 of \\x1b[2Jstone (cdcdcdcdcdcd…)" in said
    assert "\x1b" not in said


def test_what_was_restored_is_told_with_where(capsys: pytest.CaptureFixture[str]) -> None:
    show_restored(MADE, "sqlite", Place(Path("/there")), as_json=False)
    assert "Restored to /there" in capsys.readouterr().out
    show_restored(MADE, "postgresql", Place(Path("/there")), as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["database"], told["restored"]["rows"]["exchanges"]) == ("postgresql", 1_000_000)


def test_an_upgrade_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    show_upgraded(None, "0003", as_json=False)
    assert capsys.readouterr().out == "Upgraded from nothing to 0003.\n"


def test_a_finding_is_a_check_and_many_faults_are_cut_short() -> None:
    assert check_of(Finding(name="files", found="5 files")).state == "ok"
    told = check_of(Finding(name="files", found="5 files", faults=[f"fault {number}" for number in range(8)]))
    assert (told.state, "fault 4; and 3 more" in told.found, told.todo != "") == ("fail", True, True)


def test_each_part_has_a_bar_and_where_no_terminal_is_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    bars = Progress(disable=True)
    heard = Bars(bars)
    for done in (0, 5):
        heard("database", done, 5)
    heard("files", 1, 2)
    assert [(task.description, task.completed, task.total) for task in bars.tasks] == [
        ("database", 5, 5),
        ("files", 1, 2),
    ]
    with progress() as nothing:
        nothing("database", 1, 2)
    assert capsys.readouterr().err == ""
