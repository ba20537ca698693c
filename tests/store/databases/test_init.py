"""A path opens SQLite's file, a URL a database of PostgreSQL; both durable unless they are told not to be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from assay.store.databases import open_database


@pytest.mark.parametrize("durable", [True, False])
def test_what_is_opened_is_of_the_kind_that_was_told_and_as_durable(
    where: Path | str, database_kind: str, durable: bool
) -> None:
    database = open_database(where, durable=durable)
    assert database.kind == database_kind
    assert database.health().durable == durable
    database.close()


def test_opening_an_sqlite_file_needs_no_driver_of_postgresql(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from assay.store.databases import open_database;"
        " open_database(Path(sys.argv[1])).close(); print('psycopg' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "assay.db")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "False"
