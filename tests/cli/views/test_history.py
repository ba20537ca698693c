"""One version in full, sound or damaged."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run, as_json


def test_one_version_is_told_in_full(assay: Run) -> None:
    told = as_json(assay("versions", 1, "--json"))
    assert told["ruling"] is True
    assert "area 0-100" in told["segments"]
    assert len(told["dataset"]) == 64
    assert set(told["files"]) >= {"pipeline", "rows"}
    assert told["libraries"]["scikit-learn"]
    shown = assay("versions", 1).stdout
    assert [
        word
        for word in ("area 0-100", told["dataset"], "ready, and answers", told["engine_note"][:20])
        if word not in shown
    ] == []


def test_a_version_whose_manifest_is_gone_is_still_shown(assay: Run, home: Path) -> None:
    name = as_json(assay("versions", 2, "--json"))["manifest"]
    (home / "artifacts" / name[:2] / name).unlink()
    assert "missing" in assay("versions", 2).stdout
    assert as_json(assay("versions", 2, "--json"))["trouble"] != ""


def test_evaluations_on_other_rows_are_listed(assay: Run, tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("area,kind,rooms,price\n" + "50,flat,2,50000\n150,house,4,171000\n" * 10)
    made = as_json(assay("evaluate", 1, "--data", tmp_path / "more.csv", "--json"))
    assert made["dataset"][:12] in assay("versions", 1).stdout
