"""The folder `quarantine/`: bodies on their way in, counted and hashed, seen by nobody until they are whole and proved."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from assay.clock import new_id, now_us
from assay.errors import BodyTooLarge, StorageFull

RESERVE_BYTES = 64 << 20  # stays free, for the record and for what ends the server well
LOOK_EVERY_BYTES = 16 << 20
OLD_S = 3600
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Draft:
    """One body of at most `limit` bytes, in a file that only its owner knows."""

    def __init__(self, file: Path, limit: int) -> None:
        self.file = file
        self.size = 0
        self._limit = limit
        self._hash = sha256()
        self._looked = 0
        self._out = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    @property
    def digest(self) -> str:
        """The sha256 of what was written."""
        return self._hash.hexdigest()

    def write(self, data: bytes | bytearray) -> None:
        """Appends; raises BodyTooLarge or StorageFull."""
        self.size += len(data)
        if self.size > self._limit:
            raise _too_large(self._limit)
        if self.size - self._looked >= LOOK_EVERY_BYTES:
            self._looked = self.size
            check_room(self.file.parent, 0)
        self._hash.update(data)
        rest = memoryview(data)
        with noticing_a_full_disk():
            while rest:
                rest = rest[os.write(self._out, rest) :]

    def sync(self) -> None:
        """Returns once the content would survive the loss of power; raises StorageFull."""
        with noticing_a_full_disk():
            os.fsync(self._out)

    def discard(self) -> None:
        """Leaves nothing behind; a file that was adopted is not there any more."""
        if self._out >= 0:
            os.close(self._out)
            self._out = -1
        self.file.unlink(missing_ok=True)


class Quarantine:
    """Where drafts are begun, and what the dead have left of theirs is removed."""

    def __init__(self, home: Path, limit: int) -> None:
        self._folder = home / "quarantine"
        self._limit = limit

    def begin(self, told_bytes: int) -> Draft:
        """A place for a body of this length, 0 if it is not told; raises BodyTooLarge or StorageFull."""
        if told_bytes > self._limit:
            raise _too_large(self._limit)
        self.sweep()
        with noticing_a_full_disk():
            self._folder.mkdir(exist_ok=True, mode=0o700)
            check_room(self._folder, told_bytes)
            return Draft(self._folder / f"{new_id()}.part", self._limit)

    def sweep(self) -> int:
        """Removes what uploads that died more than an hour ago have left; returns how many files."""
        old = now_us() / 1e6 - OLD_S
        found = 0
        for draft in self._folder.glob("*.part"):
            try:
                if draft.stat().st_mtime < old:
                    draft.unlink()
                    found += 1
            except FileNotFoundError:  # another process was quicker
                continue
        return found


def check_room(folder: Path, wanted_bytes: int) -> None:
    """Raises StorageFull where less than the reserve would be left beside what is wanted."""
    free = shutil.disk_usage(folder).free
    if free - wanted_bytes < RESERVE_BYTES:
        raise StorageFull


@contextmanager
def noticing_a_full_disk() -> Iterator[None]:
    """Raises StorageFull where the disk, or what may be used of it, is full."""
    try:
        yield
    except OSError as failed:
        if failed.errno in _FULL:
            raise StorageFull from None
        raise


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is longer than the {limit} bytes that an upload may have.")
