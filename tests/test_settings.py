"""Settings come from options, then the environment, then the application's file, and nothing unknown passes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from assay.settings import Settings, settings_faults, settings_for


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ASSAY_{name.upper()}", raising=False)


def test_untold_everything_lives_in_the_applications_folder_and_is_private_to_this_machine(tmp_path: Path) -> None:
    found = settings_for(tmp_path)
    assert found.home == tmp_path / ".assay"
    assert (found.host, found.port, found.workers, found.open) == ("127.0.0.1", 8000, 1, False)
    assert found.unsafe == frozenset()


def test_the_environment_wins_over_the_file_and_an_option_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "assay.toml").write_text('port = 1\nworkers = 2\nhost = "::1"\n')
    monkeypatch.setenv("ASSAY_PORT", "3")
    monkeypatch.setenv("ASSAY_WORKERS", "4")
    found = settings_for(tmp_path, port=5)
    assert (found.port, found.workers, found.host) == (5, 4, "::1")


def test_an_option_that_was_not_told_counts_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_PORT", "3")
    assert settings_for(tmp_path, port=None).port == 3


def test_a_home_that_is_told_is_respected_wherever_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assay.toml").write_text(f'home = "{tmp_path / "file"}"\n')
    assert settings_for(tmp_path).home == tmp_path / "file"
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "environment"))
    assert settings_for(tmp_path).home == tmp_path / "environment"
    assert settings_for(tmp_path, home=tmp_path / "option").home == tmp_path / "option"


def test_a_home_is_made_absolute_and_the_tilde_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert settings_for(tmp_path, home="there").home == tmp_path / "there"
    assert settings_for(tmp_path, home="~/there").home == tmp_path / "me" / "there"


@pytest.mark.parametrize(
    ("name", "value"),
    [("port", 70_000), ("port", -1), ("workers", 0), ("model_timeout_s", 0), ("unsafe", ["everything"]), ("prot", 1)],
)
def test_what_is_out_of_range_or_unknown_is_refused_by_its_name(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        settings_for(tmp_path, **{name: value})


def test_a_misspelt_line_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "assay.toml").write_text("wrokers = 2\n")
    with pytest.raises(ValidationError, match="wrokers"):
        settings_for(tmp_path)


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_described(name: str) -> None:
    assert (Settings.model_fields[name].description or "").endswith(".")


def test_an_error_that_is_not_about_settings_is_left_alone() -> None:
    assert settings_faults(ValueError("something else")) == []
