"""Every file that a row names is found, the files of a manifest too, and copied only with its hash confirmed."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import ArtifactRejected
from assay.store import schema
from assay.store.copies.named import Need, Place, adopt, fetching, gather, named
from assay.store.files.artifacts import Artifacts
from assay.store.versions import Versions
from tests.store.copies.conftest import Filled, nobody


def needs(filled: Filled) -> dict[str, Need]:
    with filled.database.reading() as connection:
        return named(connection.exec_driver_sql, schema.HEAD)


def test_rows_name_manifests_snapshots_uploads_and_items(filled: Filled) -> None:
    assert needs(filled) == {
        filled.manifest: Need("version 1 of stone", manifest=True), filled.snapshot: Need("a snapshot of stone"),
        filled.removed: Need("a snapshot of stone"), filled.upload: Need("an upload to mine"),
        filled.held: Need("a snapshot with recordings"), filled.recording: Need("an item of files"),
    }  # fmt: skip


def test_of_a_broken_version_the_files_may_be_missing(filled: Filled) -> None:
    Versions(filled.database).mark("stone", 1, status="broken", error="damaged")
    assert needs(filled)[filled.manifest].must is False
    filled.spoil(filled.pipeline)
    _, missing = gather(needs(filled), filled.files.confirmed, nobody)
    assert missing == {filled.pipeline: Need("version 1 of stone", must=False)}


def test_a_manifests_files_are_gathered_with_it(filled: Filled) -> None:
    found, missing = gather(needs(filled), filled.files.confirmed, nobody)
    assert (set(found), missing) == (filled.needed, {})


def test_a_place_gives_copies_of_its_files(filled: Filled, tmp_path: Path) -> None:
    fetch = fetching(filled.place, tmp_path / "target")
    assert fetch(filled.snapshot) == tmp_path / "target" / "artifacts" / filled.snapshot[:2] / filled.snapshot
    assert fetch(filled.snapshot).read_bytes() == b"rows"
    assert fetch(filled.snapshot).stat().st_mode & 0o777 == 0o600


def test_what_has_not_its_hash_is_not_kept(filled: Filled, tmp_path: Path) -> None:
    target = Artifacts(tmp_path / "target")
    filled.spoil(filled.snapshot)
    with pytest.raises(ArtifactRejected, match="damaged"):
        adopt(filled.files.path(filled.snapshot), filled.snapshot, target)
    with pytest.raises(ArtifactRejected, match="missing"):
        adopt(tmp_path / "nowhere", filled.snapshot, target)
    assert [file for file in (tmp_path / "target").rglob("*") if file.is_file()] == []


def test_a_damaged_file_that_is_there_already_is_replaced(filled: Filled, tmp_path: Path) -> None:
    target = Artifacts(tmp_path / "target")
    target.put(b"rows")
    target.path(filled.snapshot).write_bytes(b"else")
    assert adopt(filled.files.path(filled.snapshot), filled.snapshot, target).read_bytes() == b"rows"


def test_a_place_knows_whether_its_files_are_in_a_bucket() -> None:
    assert Place(Path("home"), "s3://bucket/folder").remote
    assert not Place(Path("home"), "/folder").remote
    assert not Place(Path("home")).remote
