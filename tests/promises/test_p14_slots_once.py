"""P14: each slot of a schedule gets exactly one job, however many look, whoever dies, and wherever the clock jumps."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from assay.clock import iso, parse_iso
from assay.domain.job import Job
from assay.jobs.scheduler import MOST_LISTED
from assay.store.database import Database
from assay.store.paging import Window
from assay.store.work.jobs import Jobs
from tests import chores, homes
from tests.postgres import Cluster
from tests.promises.conftest import Tally

SECONDS = {"pr": 8, "nightly": 600}
SCHEDULERS = 4
JUMPS_S = (0, -3600, 0, 3600, 0, 86_400, -3600, 86_400)
SECOND_US = 1_000_000
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long off(void) {
  const char *path = getenv("CLOCK_OFFSET_FILE");
  long seconds = 0;
  FILE *told = path ? fopen(path, "r") : NULL;
  if (told) {
    if (fscanf(told, "%ld", &seconds) != 1) seconds = 0;
    fclose(told);
  }
  return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int failed = real(clock, at);
  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += off();
  return failed;
}

int gettimeofday(struct timeval *at, void *zone) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}
"""


@pytest.fixture
def home(fresh_home: Path) -> Path:
    return fresh_home


@pytest.fixture
def database(home: Path) -> Iterator[Database]:
    made = chores.store(home)
    yield made
    made.close()


@dataclass
class Clocks:
    """A library that adds the seconds in a file to the clock that people set, and two such files."""

    folder: Path

    def environment(self, name: str) -> dict[str, str]:
        """The variables of a process that goes by the clock of this name."""
        self.move(name, 0)
        return {"LD_PRELOAD": str(self.folder / "clock.so"), "CLOCK_OFFSET_FILE": str(self.folder / name)}

    def move(self, name: str, seconds: int) -> None:
        """Sets the clock of those that look at this file, at one instant."""
        draft = self.folder / "draft"
        draft.write_text(str(seconds))
        draft.replace(self.folder / name)


@pytest.fixture
def clocks() -> Iterator[Clocks]:
    """Clocks in a folder that every user of this machine may read: a database's server is not started as ours."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs gcc, to build the library that moves a process's clock")
    folder = Path(tempfile.mkdtemp(prefix="assay-clock-"))
    folder.chmod(0o755)
    (folder / "clock.c").write_text(SHIM)
    command = [compiler, "-shared", "-fPIC", "-o", "clock.so", "clock.c", "-ldl"]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    yield Clocks(folder)
    shutil.rmtree(folder)


@pytest.fixture
def moved_home(cluster: Cluster | None, clocks: Clocks, tmp_path: Path) -> Iterator[Path]:
    """A home whose slots come by the clock `slots`: the schedulers' own, or that of the server of their database."""
    if cluster is None:
        yield tmp_path / "home"
        return
    server = Cluster(clocks.environment("slots"))
    yield homes.prepared(tmp_path / "home", server)
    server.close()


@contextmanager
def schedulers(
    home: Path, *more: str, environment: Mapping[str, str] | None = None
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Four schedulers that look fifty times a second."""
    started = [chores.start("scheduler", home, *more, environment=dict(environment or {})) for _ in range(SCHEDULERS)]
    try:
        yield started
    finally:
        chores.end(started)


@pytest.mark.timeout(1800)
@pytest.mark.xdist_group("server")
def test_each_slot_gets_one_job_while_schedulers_are_killed_and_stopped(
    home: Path, database: Database, tier: str, tally: Callable[[str], Tally]
) -> None:
    count, draw = tally("P14"), random.Random(14)
    with schedulers(home) as started:
        until(lambda: jobs_of(database, "tick"))
        over = time.monotonic() + SECONDS[tier]
        while time.monotonic() < over:
            disturb(home, started, draw)
        for process in started:
            process.send_signal(signal.SIGCONT)
        time.sleep(1.5)
    for name in chores.EVERY_SECOND:
        made = jobs_of(database, name)
        wrong = violations(made)
        count.count(len(wrong), len(made))
        assert wrong == []
        assert len(slots(made)) >= SECONDS[tier]


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("server")
def test_no_slot_is_repeated_wherever_the_clock_jumps(
    moved_home: Path, cluster: Cluster | None, clocks: Clocks, tally: Callable[[str], Tally]
) -> None:
    """With PostgreSQL slots come by its server's clock; those of the schedulers' hosts jump as well, and do not count."""
    count, own = tally("P14"), "slots" if cluster is None else "hosts"
    with closing(chores.store(moved_home)) as database:
        with schedulers(moved_home, environment=clocks.environment(own)):
            until(lambda: jobs_of(database, "tick"))
            ahead = 0
            for jump, other in zip(JUMPS_S, reversed(JUMPS_S), strict=True):
                clocks.move("hosts", other)
                newest = slots(jobs_of(database, "tick"))[-1]
                clocks.move("slots", jump)
                if jump > ahead:
                    least = newest + (jump - ahead) * SECOND_US
                    until(partial(reached, database, least))
                    ahead = jump
                time.sleep(1.2)  # in which a slot would come that has no business to
        made = jobs_of(database, "tick")
    told = slots(made)
    repeated = [iso(slot) for slot, times in Counter(told).items() if times > 1]
    count.count(len(repeated), len(told))
    assert repeated == []
    assert told == sorted(told)
    jumps = [after - before for before, after in pairwise(told) if after - before > SECOND_US]
    assert len(jumps) == 2, (
        "an hour and a day forward leave one gap each, which the list of missed slots closes in part"
    )
    assert max(len(job.arguments["missed"]) for job in made) == MOST_LISTED


@pytest.mark.timeout(120)
@pytest.mark.xdist_group("server")
def test_without_the_check_of_slots_some_get_several_jobs(home: Path, database: Database) -> None:
    with schedulers(home, "no-slot"):
        until(lambda: violations(jobs_of(database, "tick")))


def test_the_checker_notices_what_it_is_for() -> None:
    def made(second: int, *missed: int) -> Job:
        arguments = {"slot": iso(second * SECOND_US), "missed": [iso(one * SECOND_US) for one in missed]}
        return Job(id="0" * 32, at=0, verb="train", arguments=arguments)

    assert violations([made(1), made(2), made(4, 3)]) == []
    assert violations([made(1), made(1)])
    assert violations([made(1), made(2, 1)])
    assert violations([made(1), made(3)])


def violations(made: list[Job]) -> list[str]:
    """Slots with several jobs, and slots with none that are not listed as missed either."""
    told = Counter(slots(made))
    twice = [f"{iso(slot)} {times} times" for slot, times in told.items() if times > 1]
    whole = range(min(told), max(told) + 1, SECOND_US) if told else range(0)
    return twice + [f"{iso(slot)} never" for slot in whole if slot not in told]


def slots(made: list[Job]) -> list[int]:
    """The slots that these jobs were made for, the missed ones among them."""
    return [parse_iso(told) for job in made for told in (*job.arguments.get("missed", ()), job.arguments["slot"])]


def jobs_of(database: Database, schedule: str) -> list[Job]:
    """The jobs of a schedule, the oldest first."""
    collection, cursor, found = Jobs(database), None, list[Job]()
    while True:
        page = collection.page(Window(limit=1000, cursor=cursor))
        found += [job for job in page.entries if job.by == f"schedule {schedule}"]
        cursor = page.next_cursor
        if cursor is None:
            return sorted(found, key=lambda job: str(job.arguments["slot"]))


def reached(database: Database, least: int) -> bool:
    """Whether a slot has come that is as late as this one."""
    return slots(jobs_of(database, "tick"))[-1] >= least


def disturb(home: Path, started: list[subprocess.Popen[bytes]], draw: random.Random) -> None:
    """Kills one scheduler and starts another, or lets one stand still for a while."""
    place = draw.randrange(len(started))
    if draw.random() < 0.5:
        chores.end([started[place]])
        started[place] = chores.start("scheduler", home)
        time.sleep(draw.uniform(0.1, 1))
        return
    os.kill(started[place].pid, signal.SIGSTOP)
    time.sleep(draw.uniform(0.1, 1.5))
    os.kill(started[place].pid, signal.SIGCONT)


def until(holds: Callable[[], object]) -> None:
    """Waits until it holds."""
    waited = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < waited, "it never came true"
        time.sleep(0.05)
