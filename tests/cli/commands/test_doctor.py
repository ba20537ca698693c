"""`assay doctor` finds what is wrong, says what to do, and changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cli.conftest import Run, as_json, run


def test_a_sound_home_passes(assay: Run) -> None:
    done = assay("doctor")
    assert done.exit_code == 0, done.output
    assert "All is well" in done.stdout
    told = as_json(assay("doctor", "--json"))
    assert told["ok"] is True
    assert {check["state"] for check in told["checks"]} <= {"ok", "warn"}


def test_a_home_that_is_not_there_is_no_failure_and_is_not_made(app: Path, tmp_path: Path) -> None:
    assert run("doctor", app, "--home", tmp_path / "home").exit_code == 0
    assert not (tmp_path / "home").exists()


def test_a_damaged_artifact_is_found(assay: Run, home: Path, capsys: Any) -> None:
    largest = max((home / "artifacts").glob("*/*"), key=lambda file: file.stat().st_size)
    largest.write_bytes(b"\0" + largest.read_bytes()[1:])
    failed = assay("doctor", "--json")
    assert failed.exit_code == 1
    assert "is damaged" in failed.stdout
