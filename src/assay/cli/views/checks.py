"""The doctor's checks of machine, settings and application: each says what it found, and what to do about it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from rich.text import Text

from assay.cli import show
from assay.errors import AssayError
from assay.settings import Settings
from assay.sources.application import Application
from assay.store.databases.library import WAL_RESET_FIXED, library

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
        else f"All is well, but for {count} warning{'s' * (count > 1)}."
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
    found = "SQLite " + ".".join(str(part) for part in library())
    if library() >= WAL_RESET_FIXED:
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
        count = f"{len(model.recipes)} recipe{'s' * (len(model.recipes) > 1)}"
        said = f"{count}: {', '.join(model.recipes)}" if has else "no recipe"
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
