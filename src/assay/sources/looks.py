"""What there is to read at a place now, and whether it has changed, without reading rows or importing a library of frames."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from assay.errors import DataInvalid
from assay.sources import buckets, databases

ENDINGS = (".csv", ".parquet", ".jsonl", ".ndjson")
UNFINISHED = (".tmp", ".part")
Kind = Literal["files", "bucket", "database"]


def kind(place: str) -> Kind:
    """Whether the place is a bucket's address, a database's, or a path; raises DataInvalid for any other address."""
    scheme, found, _ = place.partition("://")
    if not found:
        return "files"
    if scheme in buckets.SCHEMES:
        return "bucket"
    if scheme.partition("+")[0] in databases.SCHEMES:
        return "database"
    known = ", ".join(f"{one}://" for one in (*buckets.SCHEMES, *databases.SCHEMES))
    raise DataInvalid(f"Rows are not read from {scheme[:20]}:// addresses, but from paths and {known}.")


def fingerprint(place: str, query: str | None = None) -> str | None:
    """A short digest of what is there now, the same until something changes; None where there is nothing to read.

    Of files it holds names, sizes and times of change, of objects in a bucket their entity tags. Of a query it holds the
    number of its rows and the sum of a hash of each, whatever their order: the query runs whole at each look and its
    rows pass through, a row at a time, so that a long table wants a longer interval or a narrower query.

    A file that is still being written has another size or time at the next look: whoever acts on fresh rows waits until
    two looks in a row give the same digest. Names that begin with a dot or end in .tmp or .part never count.
    Raises DataInvalid where the place cannot be looked at.
    """
    where = kind(place)
    if where == "bucket":
        return _digest(
            f"{one.path}\0{one.size}\0{one.tag}" for one in buckets.listed(place) if counts(Path(one.path).name)
        )
    if where == "database":
        return _digest([f"{number}\0{total:032x}" for number, total in [databases.summed(place, query)] if number])
    return _digest(_stated(found(Path(place))))


def counts(name: str) -> bool:
    """Whether a file of this name holds rows: by its ending, and unless it is hidden or said to be unfinished."""
    return name.lower().endswith(ENDINGS) and not passed_over(name)


def passed_over(name: str) -> bool:
    """Whether a file of this name is hidden or said to be unfinished."""
    return name.startswith(".") or name.lower().endswith(UNFINISHED)


def found(path: Path) -> list[Path]:
    """The files that a path names (itself, its folder's, or a glob's), sorted; none where there is nothing."""
    if path.is_dir():
        return sorted(file for file in path.iterdir() if counts(file.name) and file.is_file())
    if path.exists():
        return [path]
    named = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob refuses an absolute pattern
    return sorted(Path(name) for name in named if Path(name).is_file() and not passed_over(Path(name).name))


def _stated(files: Iterable[Path]) -> Iterable[str]:
    for file in files:
        try:
            state = file.stat()
        except OSError:
            continue  # gone since it was listed: the next look sees what is left
        yield f"{os.fspath(file)}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ino}"


def _digest(said: Iterable[str]) -> str | None:
    lines = sorted(said)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest() if lines else None
