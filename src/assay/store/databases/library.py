"""The SQLite library in use, and by what the file system knows its files."""

from __future__ import annotations

import os

try:  # the wheel carries an SQLite without the WAL-reset defect (fixed in 3.51.3); elsewhere the lock below stands in
    from pysqlite3 import dbapi2 as sqlite
except ImportError:  # pragma: no cover - platforms without the wheel
    import sqlite3 as sqlite

__all__ = ["WAL_RESET_FIXED", "identity", "library", "sqlite"]
WAL_RESET_FIXED = (3, 51, 3)


def library() -> tuple[int, ...]:
    """The version of the SQLite library in use."""
    return tuple(int(part) for part in sqlite.sqlite_version.split("."))


def identity(path: str) -> tuple[int, int] | None:
    """What the file system knows a file by; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a path object takes twice as long, before every commit
    except OSError:
        return None
    return found.st_dev, found.st_ino
