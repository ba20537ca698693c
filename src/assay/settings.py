"""Every setting, read once from the environment (prefix `ASSAY_`) or the application's `assay.toml`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

PREFIX = "ASSAY_"
Unsafe = Literal["answer-before-commit", "no-sync", "no-hash", "no-golden", "no-idempotency"]


class Settings(BaseSettings):
    """What an operator may change. Command-line options win over the environment, and that over `assay.toml`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid")

    home: Path | None = Field(
        None, description="The one folder where everything lives; .assay in the application's folder unless told."
    )
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="The port to listen on; 0 picks a free one.")
    workers: int = Field(1, ge=1, le=256, description="Web processes that share the port.")
    open: bool = Field(default=False, description="Accept to listen beyond this machine without keys.")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Host names that requests may carry besides those of this machine."
    )
    max_body_bytes: int = Field(1 << 20, ge=1024, description="Longest body of a request with one question.")
    max_batch_bytes: int = Field(32 << 20, ge=1024, description="Longest body of a request with a list of questions.")
    max_rows: int = Field(10_000, ge=1, description="Most questions in one list.")
    max_waiting_rows: int = Field(
        100_000, ge=1, description="Most questions that wait for a model before new ones get 503."
    )
    max_connections: int = Field(4096, ge=1, description="Most open connections of one process.")
    model_timeout_s: float = Field(
        30.0, gt=0, description="Longest time a model in a host process may take for one batch."
    )
    verify_timeout_s: float = Field(60.0, gt=0, description="Longest time the verification of a version may take.")
    header_timeout_s: float = Field(
        15.0, gt=0, description="Longest time a client may take to send a request's headers."
    )
    body_timeout_s: float = Field(60.0, gt=0, description="Longest time a client may take to send a request's body.")
    drain_timeout_s: float = Field(
        30.0, ge=0, description="Longest time that requests in flight get when the server stops."
    )
    poll_interval_s: float = Field(0.2, gt=0, description="How often a process looks for a new rollout.")
    unsafe: frozenset[Unsafe] = Field(
        frozenset(), description="Protections switched off, to prove that the tests notice. Never in production."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options first, then the environment, then the file; no secrets folder, no `.env`."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def settings_for(application: Path, **told: Any) -> Settings:
    """The settings of the application in this folder; raises pydantic's ValidationError, which names the setting."""
    file = application / "assay.toml"

    class ApplicationSettings(Settings):
        model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", toml_file=file if file.exists() else None)

    found = ApplicationSettings(**{name: value for name, value in told.items() if value is not None})
    home = found.home or application / ".assay"
    if "home" not in told and f"{PREFIX}HOME" not in os.environ:
        home = application / home  # a relative one in the file is meant from where the file is
    return found.model_copy(update={"home": home.expanduser().absolute()})
