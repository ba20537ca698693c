"""A check finds what is wrong with a store, names it, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.store import schema
from assay.store.copies.named import Place
from assay.store.copies.soundness import Finding, check
from assay.store.databases import open_database
from assay.store.databases.sqlite import Sqlite
from assay.store.record.recorder import Entry, Recorder
from assay.store.versions import Versions
from tests import rows
from tests.store.copies.conftest import Filled, nobody


def found(filled: Filled) -> dict[str, Finding]:
    return {one.name: one for one in check(filled.database, filled.place, nobody)}


def test_a_sound_store_has_no_fault_and_what_nobody_names_is_counted(filled: Filled) -> None:
    told = found(filled)
    assert [one.faults for one in told.values()] == [[]] * 5
    assert list(told) == ["schema", "database", "tables", "files", "others"]
    assert told["files"].found.startswith("7 files")
    assert told["others"].found.startswith("1 files that no row names")


@pytest.mark.parametrize("spoilt", ["manifest", "pipeline", "snapshot", "removed", "upload"])
def test_a_file_that_is_not_what_a_row_names_is_a_fault(spoilt: str, filled: Filled) -> None:
    filled.spoil(name := getattr(filled, spoilt))
    (fault,) = found(filled)["files"].faults
    assert name[:12] in fault


def test_files_of_a_version_that_is_known_to_be_broken_are_no_fault(filled: Filled) -> None:
    filled.spoil(filled.pipeline)
    Versions(filled.database).mark("stone", 1, status="broken", error="damaged")
    told = found(filled)["files"]
    assert (told.faults, told.found) == ([], "6 files have their hash, 1 of broken versions are not there")


def test_what_is_missing_in_the_schema_is_named(filled: Filled) -> None:
    with filled.database.writing() as connection:
        connection.exec_driver_sql("DROP INDEX ix_predictions_exchange")
        connection.exec_driver_sql("DROP TABLE acknowledgements")
    assert found(filled)["tables"].faults == [
        "the table acknowledgements is missing", "the index on predictions (exchange) is missing"
    ]  # fmt: skip


@pytest.mark.parametrize(("revision", "said"), [("0999", "upgrade this one"), ("0002", "`assay db upgrade APP`")])
def test_a_schema_that_is_not_todays_is_a_fault_and_stays_so(revision: str, said: str, filled: Filled) -> None:
    with filled.database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{revision}'")
    told = found(filled)
    assert said in told["schema"].faults[0]
    assert "tables" not in told
    with filled.database.reading() as connection:
        assert schema.current(connection) == revision


def test_a_damaged_page_is_a_fault(sqlite: Sqlite, tmp_path: Path) -> None:
    recorder = Recorder(sqlite)
    recorder.record([Entry(rows.exchange_values(request=b"x" * 300), []) for _ in range(300)])
    recorder.close()
    sqlite.close()
    data = bytearray(sqlite.path.read_bytes())
    data[-4096 * 3 : -4096 * 2] = b"\xff" * 4096
    sqlite.path.write_bytes(data)
    damaged = open_database(sqlite.path)
    told = {one.name: one for one in check(damaged, Place(tmp_path), nobody)}
    damaged.close()
    assert told["database"].faults != []
