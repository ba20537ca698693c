"""Settings come from options, then the environment, then the application's file, and nothing unknown passes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from assay.settings import Settings, concealed, settings_faults, settings_for


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


# ---- where the store is


URL = "postgresql://me:a-secret@there:5433/name"


def test_the_store_is_an_sqlite_file_that_keeps_all_unless_told(tmp_path: Path) -> None:
    found = settings_for(tmp_path)
    assert (found.database_url, found.artifacts, found.retention_days) == (None, None, None)


def test_the_place_of_the_store_is_told_as_every_other_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assay.toml").write_text(f'database_url = "{URL}"\nartifacts = "s3://b/x"\nretention_days = 30\n')
    found = settings_for(tmp_path)
    assert (found.database_url, found.artifacts, found.retention_days) == (URL, "s3://b/x", 30)
    monkeypatch.setenv("ASSAY_DATABASE_URL", "postgresql:///two")
    monkeypatch.setenv("ASSAY_ARTIFACTS", "/shared")
    monkeypatch.setenv("ASSAY_RETENTION_DAYS", "1.5")
    found = settings_for(tmp_path)
    assert (found.database_url, found.artifacts, found.retention_days) == ("postgresql:///two", "/shared", 1.5)
    assert settings_for(tmp_path, database_url=URL).database_url == URL


@pytest.mark.parametrize("days", [0, -1, 0.5, "x", float("nan")])
def test_nothing_is_kept_for_less_than_a_day(tmp_path: Path, days: object) -> None:
    with pytest.raises(ValidationError, match="retention_days"):
        settings_for(tmp_path, retention_days=days)


def test_the_address_of_the_database_is_not_shown_with_the_settings(tmp_path: Path) -> None:
    found = settings_for(tmp_path, database_url=URL)
    assert "secret" not in f"{found!r} {found!s}"


@pytest.mark.parametrize(
    "line",
    [f'database_url = ["{URL}"]', f'databse_url = "{URL}"', f'data = ["{URL}"]', f'database_url = {{ url = "{URL}" }}',
     f'database_url = "{URL}" x', f'database_url = {URL}'],
)  # fmt: skip
def test_what_is_wrong_with_an_address_is_said_without_it(tmp_path: Path, line: str) -> None:
    (tmp_path / "assay.toml").write_text(line)
    with pytest.raises(ValueError) as wrong:
        settings_for(tmp_path)
    said = settings_faults(wrong.value)
    assert said
    assert "secret" not in " ".join(said)
    assert any("assay.toml" in sentence for sentence in said)


def test_a_wrong_value_that_is_no_secret_is_shown(tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as wrong:
        settings_for(tmp_path, port=70_000)
    assert "is 70000" in settings_faults(wrong.value)[0]


def test_the_address_goes_by_the_environment_and_not_by_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_DATABASE_URL", "postgresql:///another")
    told = {"home": tmp_path, "database_url": URL}
    assert concealed(told) == {"home": tmp_path}
    assert told["database_url"] == URL, "what was told is left as it is"
    assert settings_for(tmp_path, **concealed(told)).database_url == URL


def test_where_no_address_was_told_the_environment_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_DATABASE_URL", URL)
    for told in ({}, {"database_url": None}):
        assert concealed({"home": tmp_path, **told}) == {"home": tmp_path}
        assert os.environ["ASSAY_DATABASE_URL"] == URL


@pytest.mark.parametrize("hosts", [("models.example.org",), ("10.1.0.0/16", "::1", "2001:db8::/32", "192.168.7.7")])
def test_hosts_that_remote_models_may_ask_are_names_addresses_and_networks(
    tmp_path: Path, hosts: tuple[str, ...]
) -> None:
    assert settings_for(tmp_path, remote_hosts=hosts).remote_hosts == hosts
    for wrong in ("*", "a b", "", "models.example.org\n", "é.example.org", "x@y", "a" * 254):
        with pytest.raises(ValidationError):
            settings_for(tmp_path, remote_hosts=[wrong])


def test_what_remote_models_are_told_is_not_told_to_anybody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_REMOTE_SECRETS", '{"detector": "Bearer 4711"}')
    found = settings_for(tmp_path)
    assert found.remote_secrets == {"detector": "Bearer 4711"}
    assert "4711" not in repr(found)
    monkeypatch.setenv("ASSAY_REMOTE_SECRETS", '{"detector": ["Bearer 4711"]}')
    with pytest.raises(ValidationError) as wrong:
        settings_for(tmp_path)
    said = settings_faults(wrong.value)
    assert said
    assert "4711" not in " ".join(said)
