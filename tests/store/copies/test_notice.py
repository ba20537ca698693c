"""What a backup says of itself is read back as it was written, or the folder is no backup."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from assay.errors import BackupRejected
from assay.store.copies import notice
from assay.store.copies.notice import Notice

MADE = Notice(
    began_at="2026-03-03T12:00:00Z", assay="0.1.0", source="sqlite", schema="0003", rows={"exchanges": 3}, database="ab" * 32,
    database_bytes=5, files=2, files_bytes=7, missing={"cd" * 32: "version 1 of stone"},
)  # fmt: skip


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert notice.write(tmp_path, MADE) == tmp_path / "backup.json"
    assert notice.read(tmp_path) == MADE


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no backup"), (b"", "damaged"), (b"[]", "damaged"), (b'{"format": 1}', "damaged"),
        (b'{"format": 2, "anything": 1}', "newer Assay"),
    ],
)  # fmt: skip
def test_anything_else_is_refused(content: bytes | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "backup.json").write_bytes(content)
    with pytest.raises(BackupRejected, match=said):
        notice.read(tmp_path)


def test_a_file_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackupRejected, match="no backup"):
        notice.read(tmp_path / "file")


def test_what_a_later_assay_adds_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "backup.json").write_bytes(msgspec.json.encode(msgspec.to_builtins(MADE) | {"more": 1}))
    assert notice.read(tmp_path) == MADE


def test_a_digest_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert notice.digest(tmp_path / "file") == sha256(b"content").hexdigest()
