"""An upgrade that is killed at any of its statements leaves the store as it was, and the start that is not killed finishes it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import inspect

from assay.store import schema
from assay.store.database import Database
from assay.store.databases import open_database
from assay.store.schema.shape import differences, shape_of, todays
from tests.architecture.tree import ROOT
from tests.postgres import Cluster
from tests.upgrade.histories import OF_POSTGRESQL, OF_SQLITE, Rows, found, rows_of, store_of

FEWEST, MOST = 20, 2000
Kill = Callable[[int, Path | str], int]


@pytest.fixture(scope="module")
def kill() -> Iterator[Kill]:
    """Upgrades a store in a process that is killed before its n-th statement; how it ended."""
    command = [sys.executable, "-m", "tests.upgrade.killing"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told, said = process.stdin, process.stdout

        def ended(number: int, place: Path | str) -> int:
            told.write(f"{number} {place}\n")
            told.flush()
            status = int(said.readline())
            assert status in (0, -signal.SIGKILL)
            return status

        yield ended
        told.close()


@pytest.mark.parametrize("history", [None, *OF_SQLITE])
def test_an_upgrade_is_killed_before_each_of_its_statements(
    history: str | None, cluster: Cluster | None, kill: Kill, tmp_path: Path, tier: str
) -> None:
    if cluster is not None and history not in (None, *OF_POSTGRESQL):
        pytest.skip("no store in PostgreSQL ever had it")
    # the statements are the same wherever they begin, and PostgreSQL is asked hundreds of them
    step = 1 if tier == "nightly" or cluster is None else 7
    written = rows_of(history, tmp_path) if history is not None else {}
    killed = 0
    with empty_or_of(history, cluster, tmp_path) as place:
        with closing(open_database(place)) as database:
            for number in range(1, MOST, step):
                if kill(number, place) == 0:
                    break
                killed += 1
                confirm_untouched(database, history, written)  # which the next one, too, begins with
        with closing(open_database(place)) as database:
            confirm_whole(database, written)
    assert killed > FEWEST // step, "hardly any statement was counted"


@contextmanager
def empty_or_of(history: str | None, cluster: Cluster | None, folder: Path) -> Iterator[Path | str]:
    """Where a store of that time is opened, or one that is not begun yet."""
    if history is not None:
        with store_of(history, cluster, folder) as place:
            yield place
    elif cluster is None:
        yield folder / "assay.db"
    else:
        yield (url := cluster.create())
        cluster.drop(url)


def confirm_untouched(database: Database, history: str | None, written: Rows) -> None:
    """The store is as it was before the upgrade began."""
    with database.reading() as connection:
        assert schema.current(connection) == (history and history[:4])
        assert history is not None or inspect(connection).get_table_names() == []
    assert found(database, written) == written


def confirm_whole(database: Database, written: Rows) -> None:
    """The store has today's schema, and the rows that it had."""
    with database.reading() as connection:
        assert schema.current(connection) == schema.HEAD
        assert differences(shape_of(connection), todays()) == []
    assert found(database, written) == written
