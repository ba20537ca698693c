"""The examination notices what is wrong with a store and its versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.cli.views.examination import examine


def states(app: Path, home: Path) -> dict[str, str]:
    """What the doctor says, by check."""
    return {check.name: check.state for check in examine(app, {"home": home})}


def test_a_commit_that_is_not_synced_is_noticed(app: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert states(app, home)["durability"] == "ok"
    monkeypatch.setenv("ASSAY_UNSAFE", '["no-sync"]')
    assert states(app, home)["durability"] == "fail"


def test_a_database_that_is_none_is_noticed(app: Path, home: Path) -> None:
    for file in home.glob("assay.db-*"):
        file.unlink()
    (home / "assay.db").write_bytes(b"nothing of the kind " * 1000)
    assert states(app, home)["store"] == "fail"


def test_damaged_pages_are_noticed(app: Path, home: Path) -> None:
    with (home / "assay.db").open("r+b") as file:
        for page in range(1, 40):
            file.seek(page * 4096)
            if file.read(1):
                file.seek(page * 4096)
                file.write(b"\xff" * 64)
    found = states(app, home)
    assert "fail" in (found["store"], found["schema"])


def test_a_ruling_version_that_is_damaged_is_noticed(app: Path, home: Path) -> None:
    found = states(app, home)
    assert found["answers of house-price"] == found["files of house-price"] == "ok"
    for file in (home / "artifacts").glob("*/*"):
        file.write_bytes(file.read_bytes()[:-1])
    found = states(app, home)
    assert found["answers of house-price"] == found["files of house-price"] == "fail"
