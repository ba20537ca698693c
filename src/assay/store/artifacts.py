"""Files that are named by their content: written whole or not at all, and never read without checking."""

from __future__ import annotations

import os
from hashlib import file_digest, sha256
from pathlib import Path

from assay.clock import new_id, now_us
from assay.errors import ArtifactRejected


class Artifacts:
    """A folder of files named by their sha256, in 256 sub-folders."""

    def __init__(self, folder: Path, *, check: bool = True) -> None:
        self._folder = folder
        self._check = check
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, data: bytes) -> str:
        """Keeps the bytes and returns their name; they survive a power loss once this returns."""
        name = sha256(data).hexdigest()
        kept = self.path(name)
        if kept.exists():
            return name
        kept.parent.mkdir(exist_ok=True, mode=0o700)
        draft = kept.with_name(f".{new_id()}.tmp")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        draft.rename(kept)
        for folder in (kept.parent, self._folder):
            _sync_folder(folder)
        return name

    def take(self, file: Path, name: str) -> None:
        """Adopts a file of the same file system that is synced and has this hash; it survives a power loss then."""
        kept = self.path(name)
        kept.parent.mkdir(exist_ok=True, mode=0o700)
        file.replace(kept)
        for folder in (kept.parent, self._folder):
            _sync_folder(folder)

    def drop(self, name: str) -> None:
        """Removes a file that nothing names any more."""
        self.path(name).unlink(missing_ok=True)

    def get(self, name: str) -> bytes:
        """The bytes, once their hash is confirmed; raises ArtifactRejected."""
        try:
            data = self.path(name).read_bytes()
        except OSError as missing:
            raise ArtifactRejected(f"The file {name[:12]}… is missing or cannot be read.") from missing
        if self._check and sha256(data).hexdigest() != name:
            raise ArtifactRejected(f"The file {name[:12]}… is damaged: its content does not have its hash.")
        return data

    def confirmed(self, name: str) -> Path:
        """Where a file too long to be held is, once its hash is confirmed; raises ArtifactRejected."""
        kept = self.path(name)
        try:
            with kept.open("rb") as file:
                found = file_digest(file, "sha256").hexdigest()
        except OSError as missing:
            raise ArtifactRejected(f"The file {name[:12]}… is missing or cannot be read.") from missing
        if self._check and found != name:
            raise ArtifactRejected(f"The file {name[:12]}… is damaged: its content does not have its hash.")
        return kept

    def path(self, name: str) -> Path:
        """Where the file of this name is, whether or not it exists."""
        if len(name) != 64 or not set(name) <= set("0123456789abcdef"):
            raise ArtifactRejected("An artifact is named by a sha256 in hexadecimal.")
        return self._folder / name[:2] / name

    def sweep(self) -> int:
        """Removes what writers that died more than an hour ago have left half written; returns how many files."""
        old = now_us() / 1e6 - 3600
        drafts = [draft for draft in self._folder.glob("*/.*.tmp") if draft.stat().st_mtime < old]
        for draft in drafts:
            draft.unlink(missing_ok=True)
        return len(drafts)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
