"""The file `backup.json`: what a backup says of itself; written last, so that what lacks it is no backup."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import file_digest
from pathlib import Path

import msgspec

from assay.errors import BackupRejected

FORMAT = 1
FILE = "backup.json"
DATABASE = "assay.db"
Heard = Callable[[str, int, int], None]  # what is being done, how much of it is done, and of how much


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a backup. `missing` are the files that the store itself lacked, each with what names it."""

    format: int = FORMAT
    began_at: str  # everything that was acknowledged before is in it
    assay: str
    source: str  # the kind of database that it was taken from
    schema: str
    rows: dict[str, int]  # by table
    database: str  # sha256 of the file
    database_bytes: int
    files: int = 0
    files_bytes: int = 0
    missing: dict[str, str] = {}


class _Format(msgspec.Struct):
    format: int


def write(folder: Path, notice: Notice) -> Path:
    """Writes the file; the caller syncs it."""
    file = folder / FILE
    file.write_bytes(msgspec.json.format(msgspec.json.encode(notice)) + b"\n")
    return file


def read(folder: Path) -> Notice:
    """What the backup in the folder says of itself; raises BackupRejected."""
    try:
        told = (folder / FILE).read_bytes()
        if msgspec.json.decode(told, type=_Format).format != FORMAT:
            raise BackupRejected(f"{folder} was made by a newer Assay; upgrade this one.")
        return msgspec.json.decode(told, type=Notice)
    except (FileNotFoundError, NotADirectoryError):
        raise BackupRejected(f"{folder} is no backup: there is no {FILE} in it.") from None
    except (msgspec.DecodeError, OSError):
        raise BackupRejected(f"{folder / FILE} cannot be read: the backup is damaged.") from None


def digest(file: Path) -> str:
    """The sha256 of a file's content; raises OSError."""
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()
