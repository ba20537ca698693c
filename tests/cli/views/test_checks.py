"""Each check of machine, settings and application notices what it is there for."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.cli.views import checks
from assay.settings import settings_for
from assay.sources.application import Application
from tests.cli.conftest import MODEL


def test_a_home_that_others_can_reach_is_noticed(home: Path) -> None:
    home.chmod(0o755)
    assert checks.permissions(home).state == "warn"
    home.chmod(0o777)
    assert checks.permissions(home).state == "fail"
    home.chmod(0o700)
    assert checks.permissions(home).state == "ok"


def test_a_protection_that_is_off_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.unsafe(settings_for(tmp_path)).state == "ok"
    monkeypatch.setenv("ASSAY_UNSAFE", '["no-hash"]')
    assert checks.unsafe(settings_for(tmp_path)).state == "fail"


def test_an_application_without_recipes_is_noticed(tmp_path: Path) -> None:
    text = MODEL.split("@price.recipe")[0]
    (tmp_path / "model.py").write_text(text)
    assert [check.state for check in checks.models(Application.at(tmp_path))] == ["fail"]


def test_an_application_that_cannot_be_imported_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("raise RuntimeError('no')")
    assert [check.state for check in checks.models(Application.at(tmp_path))] == ["fail"]
