"""Files that are named by their content: written whole or not at all, and never read without checking."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path

from assay.clock import new_id, now_us
from assay.errors import ArtifactRejected
from assay.store.files.bucket import Bucket

NAME = re.compile(r"[0-9a-f]{64}")


class Artifacts:
    """A folder of files named by their sha256, in 256 sub-folders; with a bucket, what this host has seen of its files."""

    def __init__(self, folder: Path, *, bucket: Bucket | None = None, check: bool = True) -> None:
        self._folder = folder
        self._bucket = bucket
        self._check = check
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, data: bytes) -> str:
        """Keeps the bytes and returns their name; they survive a power loss once this returns. Raises StoreUnavailable."""
        name = sha256(data).hexdigest()
        kept = self.path(name)
        if _hash(kept) != name:
            with _drafted(kept) as draft:
                draft.write_bytes(data)
        self._share(name, kept)
        return name

    def take(self, file: Path, name: str) -> None:
        """Adopts a file that is synced and has this hash; it survives a power loss then."""
        kept = self.path(name)
        kept.parent.mkdir(exist_ok=True, mode=0o700)
        try:
            file.replace(kept)
        except OSError as other:
            if other.errno != errno.EXDEV:
                raise
            with _drafted(kept) as draft:  # the folder is another file system than the one that uploads come to
                shutil.copyfile(file, draft)
            file.unlink()
        _sync_folders(kept)
        self._share(name, kept)

    def has(self, name: str) -> bool:
        """Whether there is a file of this name, whatever it holds; raises StoreUnavailable."""
        return self.path(name).is_file() if self._bucket is None else self._bucket.has(name)

    def drop(self, name: str) -> None:
        """Removes a file that nothing names any more; raises StoreUnavailable."""
        self.path(name).unlink(missing_ok=True)
        if self._bucket is not None:
            self._bucket.drop(name)

    def get(self, name: str) -> bytes:
        """The bytes, once their hash is confirmed; raises ArtifactRejected or StoreUnavailable."""
        return self.confirmed(name).read_bytes() if self._bucket is not None else self._read(name)

    def confirmed(self, name: str) -> Path:
        """Where a file is, once its hash is confirmed; raises ArtifactRejected or StoreUnavailable."""
        kept = self.path(name)
        if self._bucket is not None and _hash(kept) != name:
            with _drafted(kept) as draft:
                if not self._bucket.fetch(name, draft):
                    raise ArtifactRejected(f"The file {name[:12]}… is missing or cannot be read.")
        found = _hash(kept)
        if found is None:
            raise ArtifactRejected(f"The file {name[:12]}… is missing or cannot be read.")
        if self._check and found != name:
            raise ArtifactRejected(f"The file {name[:12]}… is damaged: its content does not have its hash.")
        return kept

    def path(self, name: str) -> Path:
        """Where the file of this name is, whether or not it exists."""
        if NAME.fullmatch(name) is None:
            raise ArtifactRejected("An artifact is named by a sha256 in hexadecimal.")
        return self._folder / name[:2] / name

    def names(self) -> Iterator[str]:
        """The names of all files that are kept; raises StoreUnavailable."""
        if self._bucket is not None:
            return (name for name in self._bucket.names() if NAME.fullmatch(name))
        return (file.name for file in self._folder.glob("*/*") if NAME.fullmatch(file.name))

    def sweep(self) -> int:
        """Removes what writers that died more than an hour ago have left half written; returns how many files."""
        old = now_us() / 1e6 - 3600
        found = 0
        for draft in self._folder.glob("*/.*.tmp"):
            try:
                if draft.stat().st_mtime < old:
                    draft.unlink()
                    found += 1
            except FileNotFoundError:  # its writer has finished, or another process was quicker
                continue
        return found

    def _read(self, name: str) -> bytes:
        try:
            data = self.path(name).read_bytes()
        except OSError as missing:
            raise ArtifactRejected(f"The file {name[:12]}… is missing or cannot be read.") from missing
        if self._check and sha256(data).hexdigest() != name:
            raise ArtifactRejected(f"The file {name[:12]}… is damaged: its content does not have its hash.")
        return data

    def _share(self, name: str, kept: Path) -> None:
        if self._bucket is not None and not self._bucket.has(name):
            self._bucket.put(name, kept)


@contextmanager
def _drafted(kept: Path) -> Iterator[Path]:
    """A draft that, once the block has written it, is the file, whole and synced; else nothing is left of it."""
    kept.parent.mkdir(exist_ok=True, mode=0o700)
    draft = kept.with_name(f".{new_id()}.tmp")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield draft
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.rename(kept)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folders(kept)


def _sync_folders(kept: Path) -> None:
    for folder in kept.parents[:2]:  # its own, which may be new, and the one of all
        _sync_folder(folder)


def artifacts_at(place: str | None, home: Path, *, check: bool = True) -> Artifacts:
    """The files at the place: a bucket's address, a folder, or the home's own; raises StoreUnavailable."""
    own = home / "artifacts"
    if place is None:
        return Artifacts(own, check=check)
    if "://" in place:
        return Artifacts(own, bucket=Bucket(place), check=check)
    return Artifacts(Path(place).expanduser().absolute(), check=check)


def _hash(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            return file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
