"""How a web process begins: it can speak whatever becomes of its log, and waits a minute for a database that comes later."""

from __future__ import annotations

import select
import sys
from pathlib import Path
from typing import Any

import structlog

from assay.app import Assay
from assay.clock import ticks_us
from assay.errors import StoreUnavailable
from assay.logs import configure_log
from assay.outages import Outage
from assay.store.files.mounts import networked
from assay.store.record.resting import RestingRecorder
from assay.web.keeping.saying import Saying

REACHED_US = 60_000_000
AGAIN_S = 1.0
SAID_US = 5_000_000
# what a server says that will let us in later; whatever else it refuses for, waiting does not mend
LATER = ("starting up", "shutting down", "recovery mode", "too many clients", "connection slots")
log = structlog.get_logger("assay")


def speak() -> None:
    """From now on what is said goes to standard error, and what cannot be said is forgotten."""
    sys.stderr = Saying()
    configure_log()


def opened(folder: Path, told: dict[str, Any], supervisor: int) -> Assay:
    """The application, once its database lets us in; raises StoreUnavailable where it does not within a minute.

    Ends the process where the supervisor, at the other side of this pipe, is gone meanwhile.
    """
    until = ticks_us() + REACHED_US
    outage = Outage("store_not_reached", every_us=SAID_US)
    while True:
        try:
            found = Assay.at(folder, **told)
        except StoreUnavailable as failed:
            if ticks_us() > until or not _passes(failed):
                raise
            outage.failed(str(failed), waits_s=REACHED_US // 1_000_000)
        else:
            outage.over()
            found.recorder = RestingRecorder(found.database)
            _warn(found)
            return found
        if select.select([supervisor], [], [], AGAIN_S)[0]:
            sys.exit(1)


def _warn(assay: Assay) -> None:
    kind = networked(assay.home) if assay.database.kind == "sqlite" else ""
    if kind:
        log.warning("record_on_a_network_file_system", kind=kind, todo="use a disk of this machine, or PostgreSQL")


def _passes(failed: StoreUnavailable) -> bool:
    """Whether it may be well in a while: a server that is not there, or says so itself."""
    said = getattr(failed.__cause__, "orig", None)
    if not type(said).__module__.startswith("psycopg"):
        return False
    return "FATAL" not in str(said) or any(word in str(said) for word in LATER)
