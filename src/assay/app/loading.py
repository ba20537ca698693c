"""How versions are loaded, whoever opens a home: within the settings' limits, with its recordings, and with remote models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from assay.serving.endpoints.addresses import Access
from assay.serving.engines.remote import connecting
from assay.serving.loaded import Limits, Loader
from assay.settings import Settings
from assay.sources.application import Application
from assay.sources.audio.sounds import Sounds
from assay.store.files.artifacts import Artifacts

__all__ = ["Loader", "access_of", "loader_of", "loading"]


def access_of(settings: Settings) -> Access:
    """Whom remote models may ask, and what they may say."""
    return Access(hosts=settings.remote_hosts, secrets=settings.remote_secrets)


def loader_of(settings: Settings, application: Application, artifacts: Artifacts, sounds: Sounds) -> Loader:
    """What loads the application's versions."""
    limits = Limits(
        model_timeout_s=settings.model_timeout_s, verify_timeout_s=settings.verify_timeout_s, max_rows=settings.max_rows
    )
    return Loader(
        artifacts, path=application.folder, hearing=sounds, remote=connecting(access_of(settings)), limits=limits,
        check_golden="no-golden" not in settings.unsafe,
    )  # fmt: skip


@contextmanager
def loading(settings: Settings, application: Application, artifacts: Artifacts) -> Iterator[Loader]:
    """The same for the length of a block, with what hears recordings."""
    with closing(Sounds(artifacts.confirmed)) as sounds:
        yield loader_of(settings, application, artifacts, sounds)
