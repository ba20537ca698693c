"""The process that does tasks and tells of them; it loads a version when there is something to ask it, and keeps it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog

from assay.app import Assay
from assay.app.tasks.notifying import Notifying
from assay.app.tasks.scoring import Scoring
from assay.app.working import gone
from assay.domain.given.task import NOTIFY, PREDICT
from assay.errors import AssayError
from assay.jobs.batches import Batches
from assay.logs import configure_log
from assay.settings import concealed

log = structlog.get_logger("assay")


def work(folder: Path, told: dict[str, Any], until: Callable[[Callable[[], None]], None]) -> int:
    """Does tasks until it is told to stop. `until` is given what stops it."""
    assay = Assay.at(folder, **concealed(told))
    try:
        scoring = Scoring(assay)
        batches = Batches(
            assay.claiming, {PREDICT: scoring.do, NOTIFY: Notifying(assay).do},
            lambda heard: assay.database.listen(heard, "queued"), lease_s=assay.settings.lease_s,
        )  # fmt: skip
        until(batches.stop)
        status = batches.run()
        scoring.close()
        return status
    finally:
        assay.close()


def main() -> int:
    """FOLDER PIPE TOLD: the supervisor holds the other side of the pipe."""
    configure_log()
    folder, watched, told = sys.argv[1:4]

    def until(stop: Callable[[], None]) -> None:
        gone(int(watched), stop)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop())

    try:
        return work(Path(folder), msgspec.json.decode(told), until)
    except (ValueError, AssayError) as wrong:  # settings or an application that cannot be used: the server says it, too
        log.error("predictor_not_started", reason=str(wrong))
        return 1


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # a call of a model that hangs must not keep the process
