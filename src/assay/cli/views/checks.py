"""The doctor's checks: each says what it found, and what to do where that is not good."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
from rich.text import Text

from assay.cli import show
from assay.domain.version import Version
from assay.errors import AssayError
from assay.serving.loaded import Loader
from assay.settings import Settings, settings_for
from assay.sources.application import Application
from assay.store import schema
from assay.store.artifacts import Artifacts
from assay.store.database import WAL_RESET_FIXED, Database
from assay.store.rollouts import Rollouts
from assay.store.versions import Versions

State = Literal["ok", "warn", "fail"]
PYTHONS = ((3, 11), (3, 15))
SCARCE, SPENT = 1 << 30, 100 << 20
OPTIONAL = {"xgboost": "boosted trees", "optuna": "the search of tuned recipes"}
COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at; `todo` is empty where nothing needs doing."""

    name: str
    state: State
    found: str
    todo: str = ""


def examine(folder: Path, told: dict[str, Any]) -> list[Check]:
    """Every check, in the order in which one builds on another; raises ApplicationInvalid or a setting's ValueError."""
    application = Application.at(folder)
    settings = settings_for(application.folder, **told)
    home = settings.home or application.folder / ".assay"
    checks = [python(), sqlite(), *libraries(), unsafe(settings), *models(application), disk(home)]
    if not (home / "assay.db").exists():
        todo = "`assay train APP` makes it."
        return [*checks, Check(name="home", state="warn", found=f"Nothing is kept in {home} yet.", todo=todo)]
    return [*checks, permissions(home), *store(application, home, settings)]


def show_checks(checks: list[Check], *, as_json: bool) -> None:
    """The checks for people or programs."""
    failed = any(check.state == "fail" for check in checks)
    if as_json:
        show.tell_json({"ok": not failed, "checks": checks})
        return
    made = show.table("", "check", "found", "what to do")
    for check in checks:
        cells = show.row(check.name, check.found, check.todo)
        made.add_row(Text(check.state, style=COLOURS[check.state]), *cells)
    show.console().print(made)
    count = sum(check.state == "warn" for check in checks)
    said = (
        "Something is wrong; see above."
        if failed
        else "All is well."
        if not count
        else f"All is well, but for {count} warnings."
    )
    show.console().print(Text(said, style="bold red" if failed else "bold green"))


# ---- the machine and the settings


def python() -> Check:
    """Whether this Python is one that Assay is tested with."""
    found = f"Python {sys.version.split()[0]}"
    if PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]:
        return Check(name="python", state="ok", found=found)
    return Check(name="python", state="fail", found=found, todo="Use Python 3.11 to 3.14.")


def sqlite() -> Check:
    """Whether the SQLite library is without the WAL-reset defect."""
    found = "SQLite " + ".".join(str(part) for part in Database.library())
    if Database.library() >= WAL_RESET_FIXED:
        return Check(name="sqlite", state="ok", found=found)
    fixed = ".".join(str(part) for part in WAL_RESET_FIXED)
    found += " has the WAL-reset defect; the lock file, by which writers take turns, keeps it from happening."
    return Check(name="sqlite", state="warn", found=found, todo=f"Install pysqlite3, or an SQLite from {fixed} on.")


def libraries() -> Iterator[Check]:
    """Whether the optional libraries are there."""
    for name, purpose in OPTIONAL.items():
        if importlib.util.find_spec(name) is not None:
            yield Check(name=name, state="ok", found="installed")
        else:
            todo = "Install assay[xgboost] if a recipe needs it."
            yield Check(name=name, state="warn", found=f"not installed ({purpose})", todo=todo)


def unsafe(settings: Settings) -> Check:
    """Whether a protection is switched off."""
    if not settings.unsafe:
        return Check(name="settings", state="ok", found="every protection is on")
    found = f"protections switched off: {', '.join(sorted(settings.unsafe))}"
    return Check(name="settings", state="fail", found=found, todo="Remove `unsafe` from assay.toml and ASSAY_UNSAFE.")


def models(application: Application) -> Iterator[Check]:
    """Whether the application can be imported, and has recipes."""
    try:
        found = application.models()
    except AssayError as failed:
        yield Check(name="application", state="fail", found=str(failed), todo="Mend model.py.")
        return
    for name, model in found.items():
        has = bool(model.recipes)
        said = f"{len(model.recipes)} recipes: {', '.join(model.recipes)}" if has else "no recipe"
        todo = "" if has else "Add a function with @model.recipe to model.py."
        yield Check(name=f"model {name}", state="ok" if has else "fail", found=said, todo=todo)


def disk(home: Path) -> Check:
    """Whether there is room for records."""
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    state: State = "fail" if free < SPENT else "warn" if free < SCARCE else "ok"
    todo = "" if state == "ok" else "Make room: what cannot be recorded is not answered."
    return Check(name="disk", state=state, found=f"{free / (1 << 30):,.1f} GiB free", todo=todo)


def permissions(home: Path) -> Check:
    """Whether the home folder is its owner's alone."""
    mode = home.stat().st_mode & 0o777
    if not mode & 0o077:
        return Check(name="home", state="ok", found=f"{home}, for its owner only")
    found = f"{home} has the mode {mode:04o}: others of this machine can reach it"
    return Check(name="home", state="warn" if not mode & 0o022 else "fail", found=found, todo=f"chmod 700 {home}")


# ---- the store and the versions


def store(application: Application, home: Path, settings: Settings) -> Iterator[Check]:
    """Whether the store is sound and durable, and every version in it whole."""
    database = Database(home / "assay.db", synchronous="OFF" if "no-sync" in settings.unsafe else "FULL")
    try:
        checks = [_told("schema", lambda: _schema(database)), _told("store", lambda: _sound(database))]
        checks.append(_told("durability", lambda: _durable(database)))
        yield from checks
        if all(check.state == "ok" for check in checks[:2]):
            yield from _versions(database, Artifacts(home / "artifacts"), application, settings)
    finally:
        database.close()


def _told(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except AssayError as failed:
        return Check(name=name, state="fail", found=str(failed), todo="Restore the home folder from a backup.")


def _schema(database: Database) -> Check:
    with database.reading() as connection:
        found = schema.current(connection)
    if found == schema.HEAD:
        return Check(name="schema", state="ok", found=found)
    if found is not None and found > schema.HEAD:
        return Check(name="schema", state="fail", found=f"{found}, of a newer Assay", todo="Upgrade Assay.")
    return Check(name="schema", state="warn", found=f"{found}, of an older Assay", todo="The next command upgrades it.")


def _sound(database: Database) -> Check:
    with database.reading() as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check").scalars().all()
    if found == ["ok"]:
        return Check(name="store", state="ok", found="SQLite finds its pages sound")
    return Check(name="store", state="fail", found="; ".join(found[:3]), todo="Restore the home folder from a backup.")


def _durable(database: Database) -> Check:
    with database.reading() as connection:
        mode, level = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        )
    found = f"journal_mode={mode}, synchronous={ {0: 'OFF', 1: 'NORMAL', 2: 'FULL'}.get(int(level or 0), level) }"
    sound = mode == "wal" and level == 2
    todo = "" if sound else "Answers may be lost with the power: remove `no-sync` from the setting `unsafe`."
    return Check(name="durability", state="ok" if sound else "fail", found=found, todo=todo)


def _versions(
    database: Database, artifacts: Artifacts, application: Application, settings: Settings
) -> Iterator[Check]:
    versions, rollouts = Versions(database), Rollouts(database)
    loader = Loader(artifacts, path=application.folder, verify_timeout_s=settings.verify_timeout_s)
    for name in versions.models():
        ready = [version for version in versions.all(name) if version.status == "ready"]
        damaged = {version.number: said for version in ready if (said := _damage(loader, artifacts, version))}
        found = "; ".join(f"version {number}: {said}" for number, said in damaged.items())
        todo = "Restore the files from a backup, or train anew." if damaged else ""
        state: State = "fail" if damaged else "ok"
        yield Check(
            name=f"files of {name}", state=state, found=found or f"{len(ready)} ready versions are whole", todo=todo
        )
        rollout = rollouts.ruling(name)
        if rollout is None:
            yield Check(
                name=f"answers of {name}", state="warn", found="no version answers", todo="`assay promote APP NUMBER`"
            )
        else:
            yield from _ruling(loader, versions.find(name, rollout.version))


def _damage(loader: Loader, artifacts: Artifacts, version: Version) -> str:
    try:
        for file in loader.manifest(version).files.values():
            artifacts.get(file.sha256)
    except AssayError as damaged:
        return str(damaged)
    return ""


def _ruling(loader: Loader, version: Version) -> Iterator[Check]:
    name = f"answers of {version.model}"
    try:
        loader.verify(version)
        manifest = loader.manifest(version)
    except AssayError as refused:
        yield Check(name=name, state="fail", found=f"version {version.number}: {refused}", todo="`assay rollback APP`")
        return
    yield Check(
        name=name, state="ok", found=f"version {version.number} ({version.recipe}) gives its golden answers again"
    )
    if manifest.engine == "onnx":
        yield Check(name="engine", state="ok", found=f"compiled, {manifest.engine_note}")
    else:
        found = f"native, in a process of its own: {manifest.engine_note}"
        yield Check(
            name="engine", state="warn", found=found, todo="It answers, at a hundredth of the speed of a compiled one."
        )
