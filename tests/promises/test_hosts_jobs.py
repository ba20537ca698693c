"""P6, P7 and P14 on three hosts: jobs end once whatever becomes of the host, and a slot is one slot whatever its clock says."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from assay.clock import iso
from assay.domain.job import Job
from assay.store.database import Database
from assay.store.work.jobs import Jobs
from tests import chores, homes
from tests.postgres import Cluster, PostgresMissing
from tests.promises import hosts
from tests.promises.conftest import Tally
from tests.promises.hosts import Host, HostsMissing, Network
from tests.promises.test_p06_accepted_jobs_end_once import until_ended, violations
from tests.promises.test_p14_slots_once import Clocks, clocks, jobs_of, slots
from tests.promises.test_p14_slots_once import until as until_it_holds
from tests.promises.test_p14_slots_once import violations as slot_violations

__all__ = ["clocks"]  # a fixture
NAMES = ("work-1", "work-2", "work-3")
LEASE_S = 1.5
JOBS = {"pr": 16, "nightly": 400}
SECONDS = {"pr": 4, "nightly": 120}
CLOCKS_S = (0, 3600, -86_400)
pytestmark = pytest.mark.xdist_group("server")


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    try:
        with hosts.network(*NAMES) as made:
            yield made
    except HostsMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def reachable(network: Network) -> Iterator[Cluster]:
    try:
        with hosts.reachable_cluster(network) as cluster:
            yield cluster
    except PostgresMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def home(network: Network, reachable: Cluster, tmp_path: Path) -> Path:
    """The home on this machine; beside it one for each host, with the same database."""
    made = homes.prepared(tmp_path / "home", reachable)
    for name in NAMES:
        told = hosts.over(network, homes.url_of(made) or "")
        (tmp_path / f"{name}.database").write_text(told)
    return made


@pytest.fixture
def database(home: Path) -> Iterator[Database]:
    made = chores.store(home)
    yield made
    made.close()


def run(host: Host, home: Path, role: str, *more: str, **environment: str) -> None:
    """A worker or scheduler of the host."""
    command = [sys.executable, "-m", "tests.chores", role, str(home.with_name(host.name)), *more]
    host.run(command, {"PYTHONPATH": str(chores.ROOT), **environment})


def lose(network: Network, home: Path, over: threading.Event, draw: random.Random) -> None:
    """Each host is killed, stopped for longer than a lease, or cut off for as long, one after the other."""
    while not over.is_set():
        for host, loss in zip(draw.sample(network.hosts, 3), ("kill", "pause", "cut"), strict=True):
            if over.wait(draw.uniform(0.2, 0.8)):
                return
            if loss == "kill":
                host.kill()
                host.begin()
                run(host, home, "worker", str(LEASE_S))
            elif loss == "pause":
                host.pause()
                over.wait(2 * LEASE_S)
                host.go_on()
            else:
                host.cut()
                over.wait(2 * LEASE_S)
                host.join()


@pytest.mark.timeout(1800)
def test_every_job_ends_once_while_hosts_are_killed_stopped_and_cut_off(
    network: Network, home: Path, database: Database, tier: str, tally: Callable[[str], Tally]
) -> None:
    count, jobs, draw = tally("P6"), Jobs(database), random.Random(15)
    made = [jobs.add(chores.chore("sleep", seconds=draw.uniform(0, 2), max_attempts=20)) for _ in range(JOBS[tier])]
    for host in network.hosts:
        run(host, home, "worker", str(LEASE_S))
        run(host, home, "worker", str(LEASE_S))
    over = threading.Event()
    losing = threading.Thread(target=lose, args=(network, home, over, draw))
    losing.start()
    try:
        until_ended(jobs, made)
    finally:
        over.set()
        losing.join()
    found = [jobs.find(job.id) for job in made]
    wrong = violations(found, chores.answers(database))
    count.count(len(wrong), len(made))
    workers = Counter((job.worker or "").split("/")[0] for job in found)
    sys.stdout.write(f"jobs by host {dict(workers)}, begun again {sum(job.attempts > 1 for job in found)}\n")
    assert wrong == []
    assert {job.state for job in found} == {"succeeded"}
    assert any(job.attempts > 1 for job in found), "no job was begun again: nothing was put to the test"
    clean(network)


@pytest.mark.parametrize("loss", ["pause", "cut"])
@pytest.mark.parametrize("unsafe", [(), ("no-fence",)], ids=["fenced", "no-fence"])
@pytest.mark.timeout(300)
def test_a_worker_whose_host_was_away_for_longer_than_its_lease_overwrites_nothing(
    network: Network, home: Path, database: Database, loss: str, unsafe: tuple[str, ...], tally: Callable[[str], Tally]
) -> None:
    away, other, _ = network.hosts
    jobs, log = Jobs(database), away.log
    already = log.read_text().count("lease_lost") if log.exists() else 0
    run(away, home, "worker", str(LEASE_S), *unsafe)
    made = at_work(jobs, away)
    zombie = jobs.find(made.id).token
    part, meet = (away.pause, away.go_on) if loss == "pause" else (away.cut, away.join)
    part()
    run(other, home, "worker", str(LEASE_S), *unsafe)
    until_it_holds(lambda: jobs.find(made.id).ended)
    successor = jobs.find(made.id).token
    meet()
    until_it_holds(lambda: not away.processes("tests.chores\0chore"))
    answers = [token for job, token in chores.answers(database) if job == made.id]
    if unsafe:
        assert answers == [successor, zombie], "without the fence the first worker overwrites the second's result"
    else:
        tally("P7").count(answers != [successor])
        assert answers == [successor]
        assert jobs.find(made.id).result == {"by": successor}
        until_it_holds(lambda: log.read_text().count("lease_lost") > already)
    clean(network)


@pytest.mark.timeout(1800)
def test_each_slot_gets_one_job_whatever_the_clocks_of_the_hosts_say(
    network: Network,
    home: Path,
    database: Database,
    clocks: Clocks,
    tmp_path: Path,
    tier: str,
    tally: Callable[[str], Tally],
) -> None:
    count = tally("P14")
    for host, seconds in zip(network.hosts, CLOCKS_S, strict=True):
        environment = clocks.environment(host.name)
        clocks.move(host.name, seconds)
        for _ in range(2):
            run(host, home, "scheduler", **environment)
    until_it_holds(lambda: jobs_of(database, "tick"))
    time.sleep(SECONDS[tier])
    clean(network)
    for name in chores.EVERY_SECOND:
        made = jobs_of(database, name)
        wrong = slot_violations(made)
        count.count(len(wrong), len(made))
        assert wrong == []
        assert len(slots(made)) >= SECONDS[tier]
        off = [iso(slot) for slot in slots(made) if abs(slot - now_of(database)) > 600_000_000]
        assert off == [], "these slots follow the clock of a host, and not the database's"


def clean(network: Network) -> None:
    """Ends what runs on the hosts."""
    for host in network.hosts:
        host.kill()
        host.begin()


def at_work(jobs: Jobs, host: Host) -> Job:
    """A job of which the host's worker is in the middle; where it was over before anybody looked, another one."""
    for _ in range(5):
        made = jobs.add(chores.chore("sleep", seconds=2.0))
        until_it_holds(partial(_seen, jobs, made, host))
        if not jobs.find(made.id).ended:
            return made
    raise AssertionError("five jobs were over before they were seen at work")


def _seen(jobs: Jobs, made: Job, host: Host) -> bool:
    now = jobs.find(made.id)
    return now.ended or (now.state == "running" and working(host))


def working(host: Host) -> bool:
    """Whether a job's process has come as far as the work itself: it has a thread that watches the pipe."""
    found = host.processes("tests.chores\0chore")
    return any(len(list(Path(f"/proc/{pid}/task").iterdir())) > 1 for pid in found)


def now_of(database: Database) -> int:
    """The time of the day by the database's clock."""
    with database.reading() as connection:
        return database.now(connection)
