"""What comes in is counted, hashed and bounded, and what the dead have left is removed."""

from __future__ import annotations

import errno
import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from assay.errors import BodyTooLarge, StorageFull
from assay.store.files.quarantine import Quarantine, check_room, noticing_a_full_disk


def test_a_draft_is_what_was_written(tmp_path: Path) -> None:
    draft = Quarantine(tmp_path, 100).begin(0)
    draft.write(b"ab")
    draft.write(bytearray(b"cd"))
    draft.sync()
    assert draft.file.read_bytes() == b"abcd"
    assert (draft.size, draft.digest) == (4, sha256(b"abcd").hexdigest())
    assert draft.file.stat().st_mode & 0o077 == draft.file.parent.stat().st_mode & 0o077 == 0
    draft.discard()
    assert list((tmp_path / "quarantine").iterdir()) == []
    draft.discard()


def test_bytes_are_counted_whatever_was_told_of_them(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path, 10)
    with pytest.raises(BodyTooLarge, match="10 bytes"):
        quarantine.begin(11)
    draft = quarantine.begin(5)
    draft.write(b"x" * 10)
    with pytest.raises(BodyTooLarge, match="10 bytes"):
        draft.write(b"x")


def test_where_there_is_no_room_nothing_is_begun(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(StorageFull):
        Quarantine(tmp_path, 1 << 62).begin(free)
    check_room(tmp_path, 0)
    with pytest.raises(StorageFull):
        check_room(tmp_path, free)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_is_full_is_called_so(number: int) -> None:
    with pytest.raises(StorageFull), noticing_a_full_disk():
        raise OSError(number, "full")
    with pytest.raises(PermissionError), noticing_a_full_disk():
        raise PermissionError(errno.EACCES, "not yours")


def test_a_disk_that_fills_while_a_body_comes_is_noticed(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    draft = Quarantine(tmp_path, 100).begin(0)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, draft._out)
    os.close(full)
    with pytest.raises(StorageFull):
        draft.write(b"x")
    draft.discard()


def test_only_what_is_old_is_swept(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path, 100)
    assert quarantine.sweep() == 0
    dead, alive = quarantine.begin(0), quarantine.begin(0)
    os.utime(dead.file, (0, 0))
    assert quarantine.sweep() == 1
    assert (dead.file.exists(), alive.file.exists()) == (False, True)


def test_whoever_begins_sweeps(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path, 100)
    dead = quarantine.begin(0)
    os.utime(dead.file, (0, 0))
    quarantine.begin(0)
    assert not dead.file.exists()
