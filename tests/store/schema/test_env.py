"""The schema's history leads to exactly the tables that the code asks for, in one transaction."""

from __future__ import annotations

import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from assay.errors import SchemaTooNew
from assay.store import schema
from assay.store.database import metadata
from assay.store.databases.sqlite import Sqlite
from tests.architecture.tree import PACKAGE

for found in sorted((PACKAGE / "store").rglob("*.py")):  # whatever declares a table has declared it from here on
    if found.name != "__init__.py" and "schema" not in found.parts:
        import_module(".".join(("assay", *found.relative_to(PACKAGE).with_suffix("").parts)))
TABLES = set(metadata.tables)


@pytest.fixture
def empty(tmp_path: Path) -> Sqlite:
    return Sqlite(tmp_path / "empty.db")


def tables(database: Sqlite) -> set[str]:
    with database.reading() as connection:
        return set(inspect(connection).get_table_names())


def test_an_empty_store_is_brought_to_todays_schema(empty: Sqlite) -> None:
    with empty.reading() as connection:
        assert schema.current(connection) is None
    schema.upgrade(empty)
    assert tables(empty) == TABLES | {schema.VERSION_TABLE}
    with empty.reading() as connection:
        assert schema.current(connection) == schema.HEAD


def test_the_migrations_make_what_the_tables_declare(database: Sqlite) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, metadata) == []


def test_upgrading_again_changes_nothing(database: Sqlite) -> None:
    with database.reading() as connection:
        before = connection.execute(text("SELECT name, sql FROM sqlite_master ORDER BY name")).all()
    schema.upgrade(database)
    with database.reading() as connection:
        assert connection.execute(text("SELECT name, sql FROM sqlite_master ORDER BY name")).all() == before


def test_a_store_of_a_newer_assay_is_left_alone(database: Sqlite) -> None:
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(SchemaTooNew, match="9999"):
        schema.upgrade(database)


def test_an_upgrade_that_fails_leaves_nothing_behind(empty: Sqlite) -> None:
    with empty.writing() as connection:
        connection.execute(text("CREATE TABLE rollouts (stranger INTEGER)"))
    with pytest.raises(Exception, match="rollouts"):
        schema.upgrade(empty)
    assert tables(empty) == {"rollouts"}


def test_two_that_upgrade_at_once_both_succeed(empty: Sqlite) -> None:
    failed: list[BaseException] = []

    def upgrade() -> None:
        mine = Sqlite(empty.path)
        try:
            schema.upgrade(mine)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test shall see it
            failed.append(error)
        finally:
            mine.close()

    code = (
        "from pathlib import Path; from assay.store import schema; from assay.store.databases.sqlite import Sqlite;"
        f" schema.upgrade(Sqlite(Path({str(empty.path)!r})))"
    )
    other = subprocess.Popen([sys.executable, "-c", code])
    thread = threading.Thread(target=upgrade)
    thread.start()
    thread.join()
    assert other.wait(60) == 0
    assert failed == []
    assert tables(empty) == TABLES | {schema.VERSION_TABLE}


def test_a_store_that_is_up_to_date_does_not_pay_for_alembic(database: Sqlite) -> None:
    code = (
        "import sys; from pathlib import Path; from assay.store import schema; from assay.store.databases.sqlite import Sqlite;"
        f" schema.upgrade(Sqlite(Path({str(database.path)!r}))); print('alembic' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "False"
