"""`serve.json` and `serve.lock` in the home folder: which server has it, where it answers, and how its last reload went."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import NamedTuple


class Notice(NamedTuple):
    """What a server says of itself.

    `generation` grows by one with each successful reload, `reloads` with each that has ended; `outcome` is why the last one
    was refused.
    """

    pid: int
    url: str
    started_at: str
    generation: int = 1
    workers: tuple[int, ...] = ()
    ready: tuple[int, ...] = ()
    jobs: tuple[int, ...] = ()
    tasks: tuple[int, ...] = ()
    outcome: str = ""
    reloads: int = 0
    reloading: bool = False

    def write(self, home: Path) -> None:
        """Replaces the file as a whole: whoever reads it sees the old or the new one."""
        draft = home / ".serve.json.draft"
        draft.write_text(json.dumps(self._asdict()), encoding="utf-8")
        draft.chmod(0o600)
        draft.replace(home / "serve.json")


def read(home: Path) -> Notice | None:
    """What the server of this home says; None where none runs, whatever a dead one has left behind."""
    holder = holder_of(home)
    if holder is None:
        return None
    try:
        told = json.loads((home / "serve.json").read_text(encoding="utf-8"))
        found = Notice(**told | {name: tuple(told.get(name, ())) for name in ("workers", "ready", "jobs", "tasks")})
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return found if found.pid == holder else None


def holder_of(home: Path) -> int | None:
    """The process that has the home's lock; a pid in the file means nothing where nobody holds it."""
    try:
        lock = os.open(home / "serve.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        told = os.read(lock, 32).decode("ascii", errors="replace").strip()
        return int(told) if told.isdigit() else None
    finally:
        os.close(lock)
    return None
