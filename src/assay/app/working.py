"""The verbs that jobs do, the process in which each job is done, and the worker that finds and hands out the work."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

from assay.app import Assay
from assay.app.looking import Duties
from assay.clock import ticks_us
from assay.domain.job import Ending, Job
from assay.errors import AssayError, LeaseLost, StoreUnavailable
from assay.jobs.worker import Worker
from assay.logs import configure_log
from assay.settings import concealed
from assay.store.work.jobs import fence

JOB = "job"
NICENESS = 10
REPORT_EVERY_US = 500_000
LONGEST_ERROR = 4_096
log = structlog.get_logger("assay")


class Report:
    """How far a job is, written at most twice a second; what it says is kept in its log."""

    def __init__(self, assay: Assay, job: Job) -> None:
        self._jobs = assay.jobs
        self._id = job.id
        self._token = job.token or ""
        self._written = 0

    def at(self, stage: str, done: int, total: int) -> None:
        """Raises LeaseLost where the job is somebody else's by now."""
        if done < total and ticks_us() - self._written < REPORT_EVERY_US:
            return
        self._written = ticks_us()
        self._jobs.report(self._id, self._token, stage=stage, done=done, total=total)

    def say(self, line: str) -> None:
        """One more line of the job's log."""
        self._jobs.report(self._id, self._token, line=line)


Verb = Callable[[Assay, Job, Report], Any]


def train(assay: Assay, job: Job, report: Report) -> Any:
    """Trains one model, or every model of the application, on the rows that the job names or that are there now."""
    from assay.app.learning import train_for  # polars and scikit-learn: only this verb pays for their import

    return train_for(assay, job, report)


def rescore(assay: Assay, job: Job, report: Report) -> Any:
    """Scores the kept items of one model by every version that answers."""
    from assay.app.items.sweeping import rescore as sweep  # as above: numpy and the engines

    return sweep(assay, job, report)


def watch(assay: Assay, job: Job, report: Report) -> Any:
    """Holds the versions that answer against the control set."""
    from assay.app.watching.looking import watch_for  # as above

    return watch_for(assay, job, report)


def shadow(assay: Assay, job: Job, report: Report) -> Any:
    """Asks the shadows of one model what others were asked."""
    from assay.app.experiments.shadowing import shadow as ask  # as above

    return ask(assay, job, report)


VERBS: dict[str, Verb] = {"train": train, "watch": watch, "rescore": rescore, "shadow": shadow}


def work(folder: Path, told: dict[str, Any], until: Callable[[Callable[[], None]], None]) -> int:
    """Does jobs until it is told to stop; the one under way is then handed back. `until` is given what stops it."""
    told = concealed(told)
    assay = Assay.at(folder, **told)
    settings = assay.settings

    def command(job: Job, watched: int) -> Sequence[str]:
        known = msgspec.json.encode(told, enc_hook=str).decode()
        place = str(assay.application.folder)
        return [
            sys.executable,
            "-P",
            "-m",
            "assay.app.working",
            JOB,
            place,
            str(watched),
            known,
            job.id,
            job.token or "",
        ]

    try:
        worker = Worker(
            assay.jobs, command, tuple(VERBS), lease_s=settings.lease_s, duties=Duties(assay).all(),
            look_interval_s=settings.look_interval_s,
        )  # fmt: skip
        until(worker.stop)
        return worker.run()
    finally:
        assay.close()


def do(folder: Path, told: dict[str, Any], job_id: str, token: str) -> int:
    """Does one job in this process; 0 where it ended, whatever its outcome, or is no longer ours, 1 where the store was lost."""
    os.nice(NICENESS)  # whoever asks is served before whoever learns
    assay = Assay.at(folder, **told)
    if "no-fence" not in assay.settings.unsafe:
        assay.database.fence = fence(job_id, token)
    try:
        job = assay.jobs.held(job_id, token)
        outcome = _outcome(assay, job)
        log.info("job_done", job=job_id, verb=job.verb, state=outcome["state"], error=outcome.get("error", ""))
        with assay.database.writing() as connection:
            assay.jobs.finish(connection, job_id, token, **outcome)
    except LeaseLost:
        log.warning("lease_lost", job=job_id)
    except StoreUnavailable as away:
        log.warning("job_cut_off", job=job_id, reason=str(away))
        return 1
    finally:
        assay.close()
    return 0


def gone(watched: int, end: Callable[[], None]) -> None:
    """Calls `end` as soon as the process is gone that holds the other side of this pipe.

    A thread of its own reads it: a signal at the parent's death would follow the thread that forked.
    """

    def wait() -> None:
        while True:
            select.select([watched], [], [])  # whoever shares the pipe may have made it one that never waits
            with suppress(BlockingIOError):
                if not os.read(watched, 1):
                    break
        end()

    os.set_inheritable(watched, False)  # noqa: FBT003 - its one parameter
    threading.Thread(target=wait, name="tether", daemon=True).start()


def _end_all() -> None:
    """A job must not outlive its worker, and neither must what it has started."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _outcome(assay: Assay, job: Job) -> Ending:
    report = Report(assay, job)
    try:
        return {"state": "succeeded", "result": VERBS[job.verb](assay, job, report)}
    except (LeaseLost, StoreUnavailable):  # no fault of the job's: whoever has it next may be luckier
        raise
    except AssayError as failed:
        return {"state": "failed", "code": failed.code, "error": str(failed)[:LONGEST_ERROR]}
    except Exception as failed:  # an author's code may raise anything, and the job must say so
        log.exception("job_failed", job=job.id, verb=job.verb)
        return {"state": "failed", "code": "internal", "error": f"{type(failed).__name__}: {failed}"[:LONGEST_ERROR]}


def main() -> int:
    """A worker (FOLDER PIPE TOLD), or the process of one job (job FOLDER PIPE TOLD JOB TOKEN)."""
    configure_log()
    arguments = sys.argv[1:]
    one = arguments[0] == JOB
    folder, watched, told = arguments[one : one + 3]
    settings: dict[str, Any] = msgspec.json.decode(told)
    if one:
        gone(int(watched), _end_all)
        return do(Path(folder), settings, *arguments[4:6])

    def until(stop: Callable[[], None]) -> None:
        gone(int(watched), stop)  # the supervisor
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop())

    try:
        return work(Path(folder), settings, until)
    except (ValueError, AssayError) as wrong:  # settings or an application that cannot be used: the server says it, too
        log.error("worker_not_started", reason=str(wrong))
        return 1


if __name__ == "__main__":
    sys.exit(main())
