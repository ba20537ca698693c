"""Upgrades stores in processes that are killed before their n-th statement: a line `n place` on standard input each.

Answers each line with the signal by which the process ended, or 0 where it upgraded the store.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import alembic.command  # noqa: F401 - imported once, so that a process costs no more than a fork
import psycopg  # noqa: F401 - as above
from sqlalchemy import Engine, event

from assay.store import schema
from assay.store.databases import open_database


def upgrade(place: str, deadly: int) -> None:
    """Upgrades the store, or dies before this statement; a commit counts as one."""
    seen = 0

    def count(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)
    database = open_database(place if "://" in place else Path(place))
    schema.upgrade(database)
    database.close()


def main() -> None:
    """Answers until there are no more lines."""
    for line in sys.stdin:
        deadly, place = line.split()
        child = os.fork()
        if child == 0:
            upgrade(place, int(deadly))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
