"""The files that rows name: of versions, snapshots, uploads and items, and by a version's manifest the files of the version."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from assay.clock import new_id
from assay.domain.version import FileEntry
from assay.errors import ArtifactRejected
from assay.store.copies.notice import Heard
from assay.store.files.artifacts import Artifacts, artifacts_at

CHUNK = 1 << 20
Ask = Callable[[str], Iterable[Any]]
Fetch = Callable[[str], Path]  # the file of this name, once it is where it shall be; raises ArtifactRejected
_VERSIONS = "SELECT manifest, 'version ' || number || ' of ' || model, status FROM versions WHERE manifest IS NOT NULL"
_OTHERS = (
    ("0001", "SELECT id, 'a snapshot of ' || model FROM datasets"),
    ("0001", "SELECT removed_file, 'a snapshot of ' || model FROM datasets WHERE removed_file IS NOT NULL"),
    ("0002", "SELECT file, 'an upload to ' || dataset FROM uploads"),
    ("0004", "SELECT file, 'a snapshot with recordings' FROM holds"),
    ("0004", "SELECT digest, 'an item of ' || collection FROM items WHERE ended_at IS NULL"),
)


class Need(NamedTuple):
    """What names a file, and whether the file must be there: of a version that is known to be broken it may be missing."""

    by: str
    must: bool = True
    manifest: bool = False


class Place(NamedTuple):
    """Where a store keeps its files: the home, or the folder or bucket that the setting `artifacts` tells."""

    home: Path
    told: str | None = None

    def artifacts(self) -> Artifacts:
        """The files there; raises StoreUnavailable."""
        return artifacts_at(self.told, self.home)

    @property
    def remote(self) -> bool:
        """Whether they are in a bucket."""
        return self.told is not None and "://" in self.told


class _Manifest(msgspec.Struct):
    files: dict[str, FileEntry]


def named(ask: Ask, revision: str) -> dict[str, Need]:
    """Each file that a row of a store of this schema names, and by what."""
    found = {str(name): Need(str(by)) for since, query in _OTHERS if since <= revision for name, by in ask(query)}
    for name, by, status in ask(_VERSIONS):
        known = found.get(str(name))
        found[str(name)] = Need(str(by), must=status == "ready" or (known is not None and known.must), manifest=True)
    return found


def gather(needed: dict[str, Need], fetch: Fetch, heard: Heard) -> tuple[dict[str, Path], dict[str, Need]]:
    """Fetches each file, and those that the manifests name; where each is, and which could not be had."""
    waiting, found, missing = dict(needed), dict[str, Path](), dict[str, Need]()
    while waiting:
        name, need = waiting.popitem()
        try:
            found[name] = fetch(name)
        except ArtifactRejected:
            missing[name] = _either(need, missing.get(name))
            continue
        for inner in _files(found[name]) if need.manifest else ():
            if inner not in found:
                waiting[inner] = _either(need._replace(manifest=False), waiting.get(inner))
        heard("files", len(found), len(found) + len(waiting))
    return found, missing


def fetching(place: Place, target: Path) -> Fetch:
    """Brings the files of a place into a home's own folder of files; raises StoreUnavailable."""
    if place.remote:
        return artifacts_at(place.told, target).confirmed
    source, kept = place.artifacts(), artifacts_at(None, target)
    return lambda name: adopt(source.path(name), name, kept)


def adopt(file: Path, name: str, target: Artifacts) -> Path:
    """Keeps a copy of a file that is to have this hash; raises ArtifactRejected where it has another or is not there."""
    try:
        return target.confirmed(name)
    except ArtifactRejected:  # the usual case: it is not there yet
        draft = target.path(name).with_name(f".{new_id()}.tmp")
    try:
        found = _copy(file, draft)
        if found != name:
            raise ArtifactRejected(f"The file {name[:12]}… is damaged: its content does not have its hash.")
        target.take(draft, name)
    except FileNotFoundError:
        raise ArtifactRejected(f"The file {name[:12]}… is missing or cannot be read.") from None
    finally:
        draft.unlink(missing_ok=True)
    return target.path(name)


def _either(need: Need, other: Need | None) -> Need:
    """What one needs and another, too."""
    return other if other is not None and other.must else need


def _copy(file: Path, draft: Path) -> str:
    """Copies, syncs, and returns the sha256 of what was copied."""
    found = sha256()
    if not file.is_file():  # to read a pipe would take for ever
        raise FileNotFoundError(file)
    with file.open("rb") as source:
        draft.parent.mkdir(exist_ok=True, mode=0o700)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            for chunk in _chunks(source):
                found.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
    return found.hexdigest()


def _chunks(source: Any) -> Iterator[bytes]:
    while chunk := source.read(CHUNK):
        yield chunk


def _files(manifest: Path) -> list[str]:
    try:
        return [one.sha256 for one in msgspec.json.decode(manifest.read_bytes(), type=_Manifest).files.values()]
    except msgspec.DecodeError:  # the content has its hash: it was written so
        return []
