"""Retention: what is older than the settings allow leaves the record, a little at every look of a worker."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import structlog

from assay.clock import ticks_us
from assay.store.audit import note
from assay.store.record.retention import DAY_US, Retention

if TYPE_CHECKING:
    from assay.app import Assay

BY = "retention"
LOOK_US = 1_000_000
PAUSES = 6  # times as long as a chunk took
log = structlog.get_logger("assay")


class Retaining:
    """The duty of a worker. What was deleted is noted when everything old is gone, and no more than once a day."""

    def __init__(self, assay: Assay) -> None:
        self._assay = assay
        days = assay.settings.retention_days
        self._days = days
        self._retention = None if days is None else Retention(assay.database, int(days * DAY_US))
        self._deleted: Counter[str] = Counter()
        self._since = ticks_us()  # the last note, or what there is to note
        self._noted = False

    def look(self) -> None:
        """Deletes for at most a second, with pauses in which others write; raises StoreUnavailable."""
        if self._retention is None:
            return
        until = ticks_us() + LOOK_US
        self._retention.begin()
        while deleted := self._retention.chunk():
            self._deleted[deleted.table] += deleted.rows
            if ticks_us() > until:
                break
            time.sleep(PAUSES * deleted.took_us / 1e6)
        self._note(ended=deleted is None)

    def _note(self, *, ended: bool) -> None:
        now = ticks_us()
        if not self._deleted:
            self._since = now
            return
        first = ended and not self._noted
        if not first and now - self._since < DAY_US:
            return
        told = {"exchanges": 0, "predictions": 0, "outcomes": 0} | dict(self._deleted)
        with self._assay.database.writing() as connection:
            note(connection, "retention", "record", by=BY, reason=f"older than {self._days:g} days", after=told)
        log.info("record_retained", **told)
        self._noted, self._since = True, now
        self._deleted.clear()
