"""Versions are numbered within their model, read back equal, and change only by being marked."""

from __future__ import annotations

import threading

import msgspec
import pytest

from assay.domain.version import Version
from assay.errors import VersionNotFound
from assay.store import versions
from assay.store.audit import Audit
from assay.store.database import Database
from assay.store.paging import Window
from assay.store.versions import Versions
from tests import rows


def added(database: Database, version: Version) -> Version:
    with database.writing() as connection:
        return versions.add(connection, version)


def test_numbers_count_up_within_a_model(database: Database) -> None:
    numbers = [added(database, rows.version(model=model)).number for model in ("stone", "stone", "other", "stone")]
    assert numbers == [1, 2, 1, 3]
    assert Versions(database).models() == ["other", "stone"]


def test_a_version_is_read_back_equal(database: Database) -> None:
    kept = added(database, rows.version(parameters={"a": [1, 2.5, None, "é"], "b": {"c": True}}))
    failed = added(
        database, rows.version(status="failed", manifest=None, engine="", metrics={}, segments={}, error="no")
    )
    assert Versions(database).find("stone", 1) == kept
    assert Versions(database).all("stone") == [failed, kept]


@pytest.mark.parametrize(("model", "number"), [("stone", 2), ("stone", 0), ("other", 1)])
def test_a_version_that_is_not_there_is_missed_by_name(database: Database, model: str, number: int) -> None:
    added(database, rows.version())
    with pytest.raises(VersionNotFound, match=f"'{model}' has no version {number}"):
        Versions(database).find(model, number)


def test_marking_changes_status_and_error_and_nothing_else(database: Database) -> None:
    kept = added(database, rows.version())
    other = added(database, rows.version())
    Versions(database).mark("stone", 1, status="broken", error="damaged")
    assert Versions(database).find("stone", 1) == msgspec.structs.replace(kept, status="broken", error="damaged")
    assert Versions(database).find("stone", 2) == other


def test_a_registration_that_fails_leaves_no_version_and_no_gap(database: Database) -> None:
    with pytest.raises(RuntimeError), database.writing() as connection:
        versions.add(connection, rows.version())
        raise RuntimeError
    assert Versions(database).all("stone") == []
    assert added(database, rows.version()).number == 1


def test_registrations_at_the_same_time_get_different_numbers(database: Database) -> None:
    threads = [threading.Thread(target=added, args=(database, rows.version())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.number for one in Versions(database).all("stone")] == list(range(20, 0, -1))


def test_the_newest_version_with_a_name_is_found(database: Database) -> None:
    for label in ("rome", "rome", "paris"):
        added(database, rows.version(label=label))
    with database.reading() as connection:
        found = [
            versions.labelled(connection, *asked) for asked in (("stone", "rome"), ("stone", "x"), ("gem", "rome"))
        ]
    assert found == [2, None, None]


def test_a_name_is_taken_off_every_version_that_has_it(database: Database) -> None:
    for label in ("rome", "rome", "paris"):
        added(database, rows.version(label=label))
    Versions(database).unlabel("stone", "rome", "a test")
    assert [one.label for one in Versions(database).all("stone")] == ["paris", None, None]
    with pytest.raises(VersionNotFound, match="rome"):
        Versions(database).unlabel("stone", "rome", "a test")
    (entry,) = Audit(database).page(Window(), action="version.unlabel").entries
    assert entry.before == {"label": "rome", "versions": [1, 2]}
