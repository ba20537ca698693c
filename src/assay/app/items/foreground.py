"""A sweep in this process, while somebody watches; or the watching of one that a worker does already."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assay.app.items.asking import sweep
from assay.app.items.outlook import BUDGET, VERB
from assay.app.items.sweeping import Sweeping
from assay.app.working import LONGEST_ERROR, Report
from assay.domain.job import Ending, Job
from assay.errors import AssayError, LeaseLost, StoreUnavailable
from assay.jobs.keeper import Keeper
from assay.store.work.jobs import fence

if TYPE_CHECKING:
    from assay.app import Assay

FOLLOW_S = 0.5
COUNTS = ("scored", "failed", "moved")
CANCELED = "canceled"
Heard = Callable[[str, int, int], None]


def watched(assay: Assay, model: str, by: str, heard: Heard) -> dict[str, Any]:
    """Scores a model's items until nothing is left but what fails, and tells what came of it.

    `heard` is told the stage, how many items are done, and of how many. Where a worker is at it already, it goes on, and
    is followed. `ended` is "done", or "canceled" where somebody wanted it to end. Raises LeaseLost, StoreUnavailable or
    AssayError.
    """
    total = dict.fromkeys(COUNTS, 0)
    while True:
        job = sweep(assay, model, by)
        mine = _follow(assay, job, heard)
        found = _came(assay, job) if mine is None else _do(assay, mine, heard)
        total = {name: total[name] + int(found.get(name, 0)) for name in COUNTS}
        if found.get("ended") != BUDGET:
            return total | {"ended": found.get("ended", "done")}


class _Ended(Exception):
    """Somebody canceled the job."""


class _Here:
    """Tells both the store and whoever watches."""

    def __init__(self, report: Report, keeper: Keeper, heard: Heard) -> None:
        self._report = report
        self._keeper = keeper
        self._heard = heard

    def at(self, stage: str, done: int, total: int) -> None:
        if self._keeper.lost:
            raise LeaseLost
        if self._keeper.canceled:
            raise _Ended
        self._heard(stage, done, total)
        self._report.at(stage, done, total)

    def say(self, line: str) -> None:
        self._report.say(line)


def _do(assay: Assay, job: Job, heard: Heard) -> dict[str, Any]:
    keeper = Keeper(assay.jobs, job, assay.settings.lease_s)
    keeper.start()
    assay.database.fence = fence(job.id, job.token or "")
    try:
        found = Sweeping(assay, str(job.model), _Here(Report(assay, job), keeper, heard), budget_s=None).run()
        _finish(assay, job, {"state": "succeeded", "result": found})
        return found
    except _Ended:
        _finish(assay, job, {"state": "canceled"})
        return {"ended": CANCELED}
    except KeyboardInterrupt:
        _finish(assay, job, {"state": "canceled"})
        raise
    except (LeaseLost, StoreUnavailable):
        raise
    except AssayError as failed:
        _finish(assay, job, {"state": "failed", "code": failed.code, "error": str(failed)[:LONGEST_ERROR]})
        raise
    finally:
        assay.database.fence = None
        keeper.stop()


def _finish(assay: Assay, job: Job, ending: Ending) -> None:
    with assay.database.writing() as connection:
        assay.jobs.finish(connection, job.id, job.token or "", **ending)


def _follow(assay: Assay, job: Job, heard: Heard) -> Job | None:
    """The job as ours, at once or when its worker is lost; None where a worker has ended it."""
    worker = f"{socket.gethostname()}/{os.getpid()}"
    while not job.ended:
        mine = assay.jobs.claim(worker, (VERB,), assay.settings.lease_s, only=job.id)
        if mine is not None:
            return mine
        heard(job.stage or job.state, job.done, max(job.total, job.done))
        time.sleep(FOLLOW_S)
        job = assay.jobs.find(job.id)
    return None


def _came(assay: Assay, job: Job) -> dict[str, Any]:
    """What came of a job that a worker has done."""
    ended = assay.jobs.find(job.id)
    return dict(ended.result or {"ended": ended.state})
