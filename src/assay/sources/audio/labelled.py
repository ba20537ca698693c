"""Whether there are labelled recordings to learn from at a place, and whether the labels have changed."""

from __future__ import annotations

import csv
import hashlib
import tempfile
from pathlib import Path

import structlog

from assay.clock import ticks_us
from assay.errors import DataInvalid
from assay.sources import looks
from assay.sources.recordings import TABLE, fetch, recordings_at

PAUSES = 9  # times as long as a look took, before the next one
LONGEST_TABLE = 64 << 20  # bytes
log = structlog.get_logger("assay")


class Labelled:
    """Looks at the table of utterances, and at the recordings that it names until two looks in a row have found them alike.

    Recordings that it does not name are not labelled, and change nothing.
    """

    def __init__(self) -> None:
        self._table: str | None = None
        self._found: str | None = None
        self._settled = False
        self._missing = 0
        self._next = 0

    def look(self, place: str) -> str | None:
        """A short digest of the table and of the recordings that it names, once they are whole.

        None where a recording is missing, or the table is. Raises DataInvalid.
        """
        now = ticks_us()
        if now >= self._next:
            table = _table_at(place)
            if table != self._table or not self._settled:
                found = self._digest(place, table) if table is not None else None
                self._settled = found is not None and found == self._found
                self._table, self._found = table, found
            self._next = ticks_us() + PAUSES * (ticks_us() - now)
        return self._found if self._settled else None

    def _digest(self, place: str, table: str) -> str | None:
        named = _named(place)
        there = [one for one in recordings_at(place) if one.path in named]
        missing = len(named) - len(there)
        if missing and missing != self._missing:
            some = ", ".join(sorted(named - {one.path for one in there})[:3])
            log.info("labelled_recordings_missing", missing=missing, named=len(named), such_as=some)
        self._missing = missing
        if missing:
            return None
        lines = [table, *(f"{one.path}\0{one.size}\0{one.tag}" for one in there)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _table_at(place: str) -> str | None:
    """A digest of how the table is; None where there is none, or where only the recordings' own look says why not."""
    if looks.kind(place) == "files":
        folder = Path(place).expanduser()
        return looks.fingerprint(str(folder / TABLE)) if folder.is_dir() else None
    try:
        return looks.fingerprint(f"{place.rstrip('/')}/{TABLE}")
    except DataInvalid:
        return None


def _named(place: str) -> set[str]:
    """The recordings that the table names; none where it cannot be read as one, which whoever learns from it will say."""
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        draft = Path(folder) / TABLE
        fetch(place, TABLE, draft, LONGEST_TABLE)
        with draft.open(encoding="utf-8-sig", errors="replace", newline="") as opened:
            try:
                return {row["file"].strip() for row in csv.DictReader(opened) if row.get("file")}
            except csv.Error:
                return set()
