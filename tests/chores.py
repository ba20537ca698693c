"""Real workers, schedulers and the small jobs that they do, as programs of their own on a store of the test's own.

`python -m tests.chores worker HOME LEASE_S [no-fence]`, `... scheduler HOME [no-slot]`, and what a worker starts for each
job: `... chore HOME JOB TOKEN PIPE [no-fence]`. A chore notes its result in the table `answers` in the transaction that
ends its job. The file beside the home says to all of them which database is the home's.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import text

from assay.clock import new_id, now_us
from assay.domain.job import Ending, Job
from assay.errors import LeaseLost
from assay.store import schema
from assay.store.database import Database
from assay.store.databases import open_database
from assay.store.work.jobs import Jobs, fence
from tests import homes

ROOT = Path(__file__).parents[1]
VERBS = ("chore",)
EVERY_SECOND: dict[str, dict[str, str]] = {"tick": {"every": "1s"}, "tock": {"every": "1s", "missed": "catch_up"}}


def store(home: Path) -> Database:
    """The store of this home, made where it is not there yet."""
    made = open_database(homes.where(home))
    schema.upgrade(made)
    with made.writing() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS answers (job TEXT, token TEXT)"))
    return made


def chore(do: str = "sleep", **told: Any) -> Job:
    """A job for these workers: sleep, raise, segv, exit, hang or say."""
    arguments: dict[str, Any] = {"do": do}
    arguments |= {name: told.pop(name) for name in ("seconds", "said") if name in told}
    return Job(id=new_id(), at=now_us(), verb="chore", arguments=arguments, **told)


def answers(database: Database) -> list[tuple[str, str]]:
    """Every result that was ever committed: the job, and the token by which it was."""
    with database.reading() as connection:
        return [(str(job), str(token)) for job, token in connection.execute(text("SELECT job, token FROM answers"))]


def start(role: str, home: Path, *more: str, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A worker or scheduler; what it says goes to a file beside the home."""
    with (home.parent / f"{role}.log").open("ab") as log:
        command = [sys.executable, "-m", "tests.chores", role, str(home), *more]
        return subprocess.Popen(command, cwd=ROOT, stderr=log, stdout=log, env={**os.environ, **(environment or {})})


def children(pid: int) -> list[int]:
    """The processes that this one has started, by whichever of its threads."""
    told = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for line in told for child in line.split()]


def gone(pid: int) -> bool:
    """Whether the process has ended, be it that nobody has asked for its status yet."""
    status = Path(f"/proc/{pid}/status")
    return not status.exists() or "State:\tZ" in status.read_text()


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Kills these, stopped ones too."""
    for process in processes:
        process.kill()
        process.wait()


def work(home: Path, lease_s: float, unsafe: Sequence[str]) -> None:
    """A worker, until SIGTERM."""
    from assay.jobs.worker import Worker  # as below: a chore needs nothing of this, and is to start quickly

    database = store(home)
    jobs = Jobs(database, fenced="no-fence" not in unsafe)
    worker = Worker(jobs, lambda job, pipe: command(home, job, pipe, unsafe), VERBS, lease_s=lease_s)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    worker.run()
    database.close()


def schedule(home: Path, unsafe: Sequence[str]) -> None:
    """A scheduler that looks often, until it is killed."""
    from assay.jobs.schedule import schedules_of
    from assay.jobs.scheduler import Scheduler
    from assay.settings import ScheduleSetting
    from assay.store.work.schedules import Schedules

    told = {name: ScheduleSetting.model_validate(setting) for name, setting in EVERY_SECOND.items()}
    scheduler = Scheduler(Schedules(store(home), once="no-slot" not in unsafe), schedules_of(told))
    while True:
        scheduler.look()
        time.sleep(0.02)


def command(home: Path, job: Job, pipe: int, unsafe: Sequence[str] = ()) -> list[str]:
    """The program for one job."""
    return [
        sys.executable, "-m", "tests.chores", "chore", str(home), job.id, job.token or "", str(pipe), *unsafe
    ]  # fmt: skip


def do(home: Path, id: str, token: str, *, unsafe: Sequence[str]) -> None:
    """One job, to its end."""
    database = open_database(homes.where(home))
    jobs = Jobs(database, fenced="no-fence" not in unsafe)
    job = jobs.find(id)
    told = job.arguments
    if not unsafe:
        database.fence = fence(id, token)
    try:
        outcome = perform(told, jobs, id, token)
        with database.writing() as connection:
            connection.execute(text("INSERT INTO answers VALUES (:job, :token)"), {"job": id, "token": token})
            jobs.finish(connection, id, token, **outcome)
    except LeaseLost as lost:
        sys.stderr.write(json.dumps({"event": lost.code, "job": id, "token": token}) + "\n")
        sys.exit(3)


def perform(told: dict[str, Any], jobs: Jobs, id: str, token: str) -> Ending:
    """What the job is: something harmless, or one of the ways in which a process may end."""
    what = told["do"]
    if what == "segv":
        import ctypes

        ctypes.string_at(0)
    elif what == "exit":
        sys.stderr.write("about to go\n")
        sys.stderr.flush()
        os._exit(3)
    elif what == "hang":
        time.sleep(3600)
    elif what == "raise":
        return Ending(state="failed", code="chore_failed", error="It cannot be done.")
    elif what == "say":
        jobs.report(id, token, stage="saying", done=1, total=2, line=str(told.get("said")))
    time.sleep(float(told.get("seconds", 0)))
    return Ending(state="succeeded", result={"by": token})


def tethered(watched: int) -> None:
    """Ends this process, and what it has started, as soon as its worker is gone."""

    def wait() -> None:
        while os.read(watched, 1):
            pass
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    os.set_inheritable(watched, False)
    threading.Thread(target=wait, name="tether", daemon=True).start()


def main(role: str, home: Path, *more: str) -> None:
    """One of the programs."""
    if role == "chore":
        tethered(int(more[2]))
        do(home, more[0], more[1], unsafe=more[3:])
        return
    import structlog

    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    if role == "worker":
        work(home, float(more[0]), more[1:])
    else:
        schedule(home, more)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
