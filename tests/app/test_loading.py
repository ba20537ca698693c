"""Whoever opens a home loads its versions in one way: with its recordings, its limits and its remote models."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from assay.app import Assay
from assay.app.loading import access_of, loader_of, loading
from assay.domain.remote import Remote
from assay.domain.version import FileEntry, Version
from assay.errors import VersionRejected
from assay.serving.engines.remote import RemoteEngine
from assay.sources.application import Application
from tests import heard, tiny


def asking(assay: Assay, host: str) -> Version:
    """A version that asks this host, as registration would keep it."""
    spec = Remote(url=f"http://{host}/rows", method="POST", asks="rows", body="{rows}")
    data = msgspec.json.encode(spec)
    kept = assay.versions.find("stone", tiny.LINEAR)
    entry = FileEntry(sha256=assay.artifacts.put(data), size=len(data), format="remote")
    manifest = msgspec.structs.replace(assay.loader.manifest(kept), engine="remote", files={"remote": entry})
    return msgspec.structs.replace(kept, manifest=assay.artifacts.put(msgspec.json.encode(manifest)))


def test_recordings_are_heard_for_as_long_as_versions_are_loaded(tmp_path: Path) -> None:
    with heard.opened(tmp_path / "home") as assay:
        version = assay.versions.find("notes", heard.DRAWN)
        with loading(assay.settings, Application.at(heard.application()), assay.artifacts) as loader:
            loader.verify(version)
            assert loader.load(version).number == heard.DRAWN


def test_remote_models_are_asked_where_the_settings_say_so(tmp_path: Path) -> None:
    with tiny.opened(tmp_path / "home") as assay:
        version = asking(assay, "models.example.org")
        with pytest.raises(VersionRejected, match="remote_hosts"):
            assay.loader.load(version)
        settings = assay.settings.model_copy(update={"remote_hosts": ("models.example.org",)})
        assert access_of(settings).hosts == ("models.example.org",)
        loader = loader_of(settings, assay.application, assay.artifacts, assay.sounds)
        assert isinstance(loader.load(version).engine, RemoteEngine)


def test_golden_answers_are_asked_unless_that_is_switched_off(tmp_path: Path) -> None:
    with tiny.opened(tmp_path / "home", unsafe=["no-golden"]) as assay:
        kept = assay.versions.find("stone", tiny.LINEAR)
        manifest = assay.loader.manifest(kept)
        golden = msgspec.structs.replace(manifest.golden, answers=manifest.golden.answers[:-1])
        data = msgspec.json.encode(msgspec.structs.replace(manifest, golden=golden))
        wrong = msgspec.structs.replace(kept, manifest=assay.artifacts.put(data))
        assert assay.loader.load(wrong).number == tiny.LINEAR
        strict = assay.settings.model_copy(update={"unsafe": frozenset()})
        with pytest.raises(VersionRejected):
            loader_of(strict, assay.application, assay.artifacts, assay.sounds).load(wrong)
