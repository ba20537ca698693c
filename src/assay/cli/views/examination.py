"""The doctor's examination: all checks, those of the store and the versions in it among them; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from assay.app.loading import Loader, loading
from assay.cli.views.checks import Check, State, disk, libraries, models, permissions, python, sqlite, unsafe
from assay.errors import AssayError
from assay.settings import Settings, settings_for
from assay.sources.application import Application
from assay.store import schema
from assay.store.databases import Database, open_database
from assay.store.files.artifacts import Artifacts, artifacts_at
from assay.store.releases.rollouts import Rollouts
from assay.store.versions import Versions

RESTORE = "Restore the home folder from a backup."
ASK = "Start the server, or correct the address in ASSAY_DATABASE_URL."


def examine(folder: Path, told: dict[str, Any]) -> list[Check]:
    """Every check, in the order in which one builds on another; raises ApplicationInvalid or a setting's ValueError."""
    application = Application.at(folder)
    settings = settings_for(application.folder, **told)
    home = settings.home or application.folder / ".assay"
    checks = [python(), sqlite(), *libraries(), unsafe(settings), *models(application), disk(home)]
    if not settings.database_url and not (home / "assay.db").exists():
        todo = "`assay train APP` makes it."
        return [*checks, Check(name="home", state="warn", found=f"Nothing is kept in {home} yet.", todo=todo)]
    own = [permissions(home)] if home.exists() else []  # a new host of a store that others have filled has none yet
    return [*checks, *own, *store(application, home, settings)]


def store(application: Application, home: Path, settings: Settings) -> Iterator[Check]:
    """Whether the store is sound and durable, and every version in it whole."""
    where = settings.database_url or home / "assay.db"
    todo = RESTORE if settings.database_url is None else ASK
    try:
        database = open_database(where, durable="no-sync" not in settings.unsafe)
    except AssayError as failed:
        yield Check(name="store", state="fail", found=str(failed), todo=todo)
        return
    try:
        told = {"schema": _schema, "store": _sound, "durability": _durable}
        checks = [_told(name, todo, partial(check, database)) for name, check in told.items()]
        yield from checks
        if all(check.state == "ok" for check in checks[:2]):
            yield from _kept(database, application, home, settings)
    finally:
        database.close()


def _told(name: str, todo: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except AssayError as failed:
        return Check(name=name, state="fail", found=str(failed), todo=todo)


def _kept(database: Database, application: Application, home: Path, settings: Settings) -> Iterator[Check]:
    try:
        artifacts = artifacts_at(settings.artifacts, home)
    except AssayError as failed:
        yield Check(name="files", state="fail", found=str(failed), todo="Correct the setting `artifacts`.")
        return
    yield from _versions(database, artifacts, application, settings)


def _schema(database: Database) -> Check:
    with database.reading() as connection:
        found = schema.current(connection)
    if found == schema.HEAD:
        return Check(name="schema", state="ok", found=found)
    if found is None:
        return Check(name="schema", state="warn", found="Nothing is kept yet.", todo="`assay train APP` makes it.")
    if found > schema.HEAD:
        return Check(name="schema", state="fail", found=f"{found}, of a newer Assay", todo="Upgrade Assay.")
    return Check(name="schema", state="warn", found=f"{found}, of an older Assay", todo="The next command upgrades it.")


def _sound(database: Database) -> Check:
    found = database.health().faults
    if not found:
        said = {"sqlite": "SQLite finds its pages sound", "postgresql": "PostgreSQL answers"}
        return Check(name="store", state="ok", found=said[database.kind])
    return Check(name="store", state="fail", found="; ".join(found[:3]), todo=RESTORE)


def _durable(database: Database) -> Check:
    _, sound, found = database.health()
    todo = "" if sound else "Answers may be lost with the power: remove `no-sync` from the setting `unsafe`."
    return Check(name="durability", state="ok" if sound else "fail", found=found, todo=todo)


def _versions(
    database: Database, artifacts: Artifacts, application: Application, settings: Settings
) -> Iterator[Check]:
    with loading(settings, application, artifacts) as loader:
        yield from _models(loader, artifacts, Versions(database), Rollouts(database))


def _models(loader: Loader, artifacts: Artifacts, versions: Versions, rollouts: Rollouts) -> Iterator[Check]:
    for name in versions.models():
        ready = [version for version in versions.all(name) if version.status == "ready"]
        damaged = {
            version.number: said
            for version in ready
            if (said := _damage(loader, artifacts, versions, (name, version.number)))
        }
        found = "; ".join(f"version {number}: {said}" for number, said in damaged.items())
        todo = "Restore the files from a backup, or train anew." if damaged else ""
        state: State = "fail" if damaged else "ok"
        yield Check(
            name=f"files of {name}", state=state, found=found or f"{len(ready)} ready versions are whole", todo=todo
        )
        rollout = rollouts.ruling(name)
        if rollout is None:
            advice = (
                "`assay promote APP NUMBER`" if len(ready) > len(damaged) else "`assay versions APP` says why none can"
            )
            yield Check(name=f"answers of {name}", state="warn", found="no version answers", todo=advice)
        else:
            yield from _ruling(loader, versions, (name, rollout.version))


def _damage(loader: Loader, artifacts: Artifacts, versions: Versions, at: tuple[str, int]) -> str:
    try:
        for file in loader.manifest(versions.find(*at)).files.values():
            artifacts.get(file.sha256)
    except AssayError as damaged:
        return str(damaged)
    return ""


def _ruling(loader: Loader, versions: Versions, at: tuple[str, int]) -> Iterator[Check]:
    name = f"answers of {at[0]}"
    try:
        version = versions.find(*at)
        loader.verify(version)
        manifest = loader.manifest(version)
    except AssayError as refused:
        yield Check(name=name, state="fail", found=f"version {at[1]}: {refused}", todo="`assay rollback APP`")
        return
    does = "answers" if manifest.engine == "remote" else "gives its golden answers again"
    yield Check(name=name, state="ok", found=f"version {version.number} ({version.recipe}) {does}")
    if manifest.engine == "onnx":
        yield Check(name="engine", state="ok", found=f"compiled, {manifest.engine_note}")
    elif manifest.engine == "remote":
        yield Check(name="engine", state="ok", found=f"a remote model: it {manifest.engine_note}")
    else:
        found = f"native, in a process of its own: {manifest.engine_note}"
        yield Check(
            name="engine", state="warn", found=found, todo="It answers, at a hundredth of the speed of a compiled one."
        )
