"""The schema's history leads to exactly the tables that the code asks for, in one transaction."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import String, inspect, text

from assay.errors import SchemaTooNew
from assay.store import schema
from assay.store.database import Database, metadata
from assay.store.databases import open_database
from tests import stores
from tests.architecture.tree import PACKAGE
from tests.postgres import Cluster, tell

for found in sorted((PACKAGE / "store").rglob("*.py")):  # whatever declares a table has declared it from here on
    if found.name != "__init__.py" and "schema" not in found.parts:
        import_module(".".join(("assay", *found.relative_to(PACKAGE).with_suffix("").parts)))
TABLES = set(metadata.tables)


OPENED = """
import sys
from pathlib import Path
from assay.store import schema
from assay.store.databases import open_database
place = sys.argv[1]
schema.upgrade(open_database(place if "://" in place else Path(place)))
"""


@pytest.fixture
def nowhere(cluster: Cluster | None, tmp_path: Path) -> Iterator[Path | str]:
    """Where an empty database is opened."""
    if cluster is None:
        yield tmp_path / "empty.db"
        return
    url = cluster.create()
    yield url
    cluster.drop(url)


@pytest.fixture
def empty(nowhere: Path | str) -> Iterator[Database]:
    made = open_database(nowhere)
    yield made
    made.close()


def tables(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(inspect(connection).get_table_names())


def made(database: Database) -> dict[str, Any]:
    """Everything that there is, as the database tells it."""
    with database.reading() as connection:
        found = inspect(connection)
        return {
            name: (str(found.get_columns(name)), [one["name"] for one in found.get_indexes(name)])
            for name in found.get_table_names()
        }


def differs(_context: object, _found: object, _told: object, found_type: Any, told_type: Any) -> bool | None:
    """Texts have lengths for the reader only; whatever else there is, Alembic itself compares."""
    return False if isinstance(found_type, String) and isinstance(told_type, String) else None


def test_an_empty_store_is_brought_to_todays_schema(empty: Database) -> None:
    with empty.reading() as connection:
        assert schema.current(connection) is None
    schema.upgrade(empty)
    assert tables(empty) == TABLES | {schema.VERSION_TABLE}
    with empty.reading() as connection:
        assert schema.current(connection) == schema.HEAD


def test_the_migrations_make_what_the_tables_declare(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": differs}
        )
        assert compare_metadata(context, metadata) == []


def test_texts_are_of_any_length_and_compared_byte_by_byte(postgres: Cluster, tmp_path: Path) -> None:
    limited = """
        SELECT table_name, column_name, character_maximum_length, collation_name FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type IN ('text', 'character varying') AND table_name != 'schema_version'
        AND (character_maximum_length IS NOT NULL OR collation_name IS DISTINCT FROM 'C')
    """
    with stores.kept(postgres, tmp_path) as url:
        assert isinstance(url, str)
        assert tell(url, limited) == [], "SQLite, which both are to be like, enforces no length and sorts by bytes"


def test_upgrading_again_changes_nothing(database: Database) -> None:
    before = made(database)
    schema.upgrade(database)
    assert made(database) == before


def test_a_store_of_a_newer_assay_is_left_alone(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(SchemaTooNew, match="9999"):
        schema.upgrade(database)


def test_an_upgrade_that_fails_leaves_nothing_behind(empty: Database) -> None:
    with empty.writing() as connection:
        connection.execute(text("CREATE TABLE rollouts (stranger INTEGER)"))
    with pytest.raises(Exception, match="rollouts"):
        schema.upgrade(empty)
    assert tables(empty) == {"rollouts"}


def test_two_that_upgrade_at_once_both_succeed(nowhere: Path | str, empty: Database) -> None:
    failed: list[BaseException] = []

    def upgrade() -> None:
        mine = open_database(nowhere)
        try:
            schema.upgrade(mine)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test shall see it
            failed.append(error)
        finally:
            mine.close()

    other = subprocess.Popen([sys.executable, "-c", OPENED, str(nowhere)])
    thread = threading.Thread(target=upgrade)
    thread.start()
    thread.join()
    assert other.wait(60) == 0
    assert failed == []
    assert tables(empty) == TABLES | {schema.VERSION_TABLE}


def test_a_store_that_is_up_to_date_does_not_pay_for_alembic(where: Path | str) -> None:
    code = f"{OPENED}\nprint('alembic' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code, str(where)], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "False"
