"""Folders that are there whole or not at all: filled under another name, synced, renamed."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.clock import new_id, now_us
from assay.errors import NotEmpty

PATTERN = ".assay-*.draft"
YOUNG_S = 60.0  # between a draft's making and its locking


@contextmanager
def drafted(folder: Path) -> Iterator[Path]:
    """A folder that, once the block has filled it, has the name; else nothing is left of it. Raises NotEmpty.

    What others that were killed have left of theirs is removed.
    """
    confirm_empty(folder)
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    sweep(folder.parent)
    draft = folder.parent / PATTERN.replace("*", new_id())
    draft.mkdir(mode=0o700)
    held = os.open(draft, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield draft
        os.fsync(held)
        confirm_empty(folder)
        draft.rename(folder)  # in the place of an empty folder, too
        sync(folder.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    finally:
        os.close(held)


def confirm_empty(folder: Path) -> None:
    """Raises NotEmpty where there is something under this name."""
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise NotEmpty(f"{folder} is there already, and is not an empty folder; name another, or move it away.")


def sweep(parent: Path) -> int:
    """Removes drafts that nobody holds any more; returns how many."""
    found = 0
    for draft in parent.glob(PATTERN):
        try:
            held = os.open(draft, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:  # it has got its name meanwhile, or is none of ours
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if now_us() / 1e6 - os.fstat(held).st_mtime > YOUNG_S:
                shutil.rmtree(draft, ignore_errors=True)
                found += 1
        except BlockingIOError:
            continue
        finally:
            os.close(held)
    return found


def sync(place: Path) -> None:
    """Returns once the file, or the folder's list of names, would survive the loss of power."""
    held = os.open(place, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)
