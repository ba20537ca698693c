"""Every setting, read once from the environment (prefix `ASSAY_`) or the application's `assay.toml`."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

PREFIX = "ASSAY_"
SECRET = ("database_url", "data", "remote_secrets", "webhook_secret")  # which may hold a password
HOST = r"^[A-Za-z0-9_.:/-]{1,253}$"
Unsafe = Literal[
    "answer-before-commit", "no-sync", "no-hash", "no-golden", "no-idempotency", "no-fence", "no-prepare", "no-drain", "no-slot",
    "no-quarantine", "no-sticky", "no-mark", "no-standing",
]  # fmt: skip


class ScheduleSetting(BaseModel):
    """One schedule: a verb to be done at every slot, a slot being a moment of `every` or `cron`, in UTC."""

    model_config = ConfigDict(extra="forbid")

    verb: Literal["train", "watch"] = Field("train", description="What is done.")
    model: str | None = Field(None, description="The model it is done for; the only one unless told.")
    every: str | None = Field(None, description="An interval such as 30s, 15m, 6h or 1d; slots lie on its multiples.")
    cron: str | None = Field(None, description="Minute, hour, day, month and weekday in UTC, as cron has them.")
    missed: Literal["coalesce", "catch_up"] = Field(
        "coalesce", description="What becomes of slots missed while nothing ran: one run for all, or one run each."
    )


class Settings(BaseSettings):
    """What an operator may change. Command-line options win over the environment, and that over `assay.toml`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid")

    home: Path | None = Field(
        None, description="The one folder where everything lives; .assay in the application's folder unless told."
    )
    database_url: str | None = Field(
        None,
        repr=False,
        description="The URL of a PostgreSQL that holds the store; an SQLite file in the home unless told.",
    )
    artifacts: str | None = Field(
        None, description="A bucket, or a folder, that keeps the files of all hosts; HOME/artifacts unless told."
    )
    retention_days: float | None = Field(
        None, ge=1, description="How long exchanges and predictions are kept; for ever unless told."
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
    longest_wait_s: float = Field(
        10.0, gt=0, description="How long a question may have to wait for a model that is slow before new ones get 503."
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
    drain_delay_s: float = Field(
        5.0, ge=0, description="How long a server that is told to stop goes on accepting connections, unready."
    )
    data: str | None = Field(
        None,
        description="Where fresh rows, or recordings, come from: a file, folder, glob, bucket address or database address.",
    )
    control: str | None = Field(
        None,
        description="The control set: a folder or bucket of labelled recordings, or rows; what was held out unless told.",
    )
    query: str | None = Field(None, description="The SQL query that gives the rows, where `data` is a database.")
    look_interval_s: float = Field(2.0, gt=0, description="How often the worker looks for fresh rows and due slots.")
    job_workers: int = Field(1, ge=0, le=64, description="Workers for jobs beside the web processes.")
    predict_workers: int = Field(1, ge=0, le=64, description="Processes that do tasks beside the web processes.")
    max_queued_tasks: int = Field(
        100_000, ge=1, description="Most tasks that wait to be begun before new ones get 503."
    )
    webhook_secret: str | None = Field(
        None, min_length=16, repr=False, description="What webhooks are signed with; without it there are none."
    )
    webhook_hosts: tuple[Annotated[str, StringConstraints(pattern=HOST)], ...] = Field(
        (),
        description="Hosts, addresses or networks that webhooks may reach although they are private, or by plain HTTP.",
    )
    lease_s: float = Field(15.0, ge=0.2, description="How long a job stays its worker's without a sign of life.")
    trials: int | None = Field(None, ge=1, description="Trials of each tuned recipe, instead of its own number.")
    max_attempts: int = Field(3, ge=1, le=100, description="How often a job is tried whose worker is lost.")
    schedules: dict[str, ScheduleSetting] = Field(
        default_factory=dict, description="Jobs to be made at every slot of a schedule, by name."
    )
    rescore_interval_s: float = Field(
        120.0, ge=1, description="How often a version that asks another server scores all items anew."
    )
    rescore_budget_s: float = Field(
        60.0, ge=1, description="How long a sweep goes on before other jobs have their turn."
    )
    shadow_interval_s: float = Field(
        15.0, gt=0, description="How often a shadow of an experiment is asked what others were asked meanwhile."
    )
    shadow_behind_s: float = Field(
        3600.0, ge=60, description="How old a question may be that a shadow is still asked; older ones are skipped."
    )
    max_upload_bytes: int = Field(1 << 30, ge=1024, description="Longest body of an upload of rows or of a recording.")
    poll_interval_s: float = Field(0.2, gt=0, description="How often a process looks for a new rollout.")
    remote_hosts: tuple[Annotated[str, StringConstraints(pattern=HOST)], ...] = Field(
        (), description="Hosts, addresses or networks that remote models may ask besides this machine."
    )
    remote_secrets: dict[str, str] = Field(
        default_factory=dict, repr=False, description="What remote models are told in headers, by the secret's name."
    )
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


def concealed(told: dict[str, Any]) -> dict[str, Any]:
    """What may be told by arguments, which every user of the machine can read; a password goes by the environment."""
    url = told.get("database_url")
    if url is not None:
        os.environ[f"{PREFIX}DATABASE_URL"] = url
    return {name: value for name, value in told.items() if name != "database_url"}


def settings_faults(wrong: ValueError) -> list[str]:
    """What is wrong with which setting, in sentences; nothing where the error is not about settings."""
    if isinstance(wrong, tomllib.TOMLDecodeError):
        return [f"assay.toml cannot be read: {wrong}."]
    if isinstance(wrong, SettingsError):
        named = re.search(r'field "(\w+)"', str(wrong))
        name = f"{PREFIX}{named[1].upper()}" if named else "A setting"
        return [f'{name} cannot be read: a list is written as JSON, such as ["one", "two"].']
    if isinstance(wrong, ValidationError) and wrong.title == "ApplicationSettings":
        return [_fault(".".join(str(part) for part in one["loc"]), one) for one in wrong.errors()]
    return []


def _fault(name: str, fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        hint = f"; did you mean {near[0]!r}" if near else ""
        return f"assay.toml: there is no setting {name!r}{hint}."
    setting = name.split(".", maxsplit=1)[0]
    where = f"{PREFIX}{setting.upper()}, or {setting} in assay.toml"
    told = "not shown here" if setting in SECRET else repr(fault["input"])
    return f"The setting {name!r} ({where}) is {told}: {fault['msg']}."
