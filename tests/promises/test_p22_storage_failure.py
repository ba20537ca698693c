"""P22: while the database is away nothing is answered that is not recorded, nobody waits for ever, and it is back by itself."""

from __future__ import annotations

import fcntl
import json
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import homes
from tests.postgres import Cluster, PostgresMissing
from tests.promises.asking import Asking, entries, load
from tests.promises.checker import rows, violations
from tests.promises.conftest import Tally
from tests.promises.ledger import mixed, single
from tests.promises.proxy import Proxy
from tests.promises.servers import Server, copy_of, serving, start, until_ready

WORKERS = 2
CLIENTS = 6
AWAY_S = {"pr": 4.0, "nightly": 60.0}
DEAD_S = {"pr": 22.0, "nightly": 60.0}
HELD_S = {"pr": 22.0, "nightly": 30.0}
LONGEST_S = 20.0
BACK_S = 5.0
LINES_A_SECOND = 5
pytestmark = pytest.mark.xdist_group("server")


class Probes(threading.Thread):
    """Asks `/livez` and `/readyz` all the time, as an orchestrator does, only more often."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.alive: list[tuple[float, int, float]] = []  # when, what and how long it took
        self.ready: list[tuple[float, int, float]] = []
        self._server = server
        self._over = threading.Event()

    def run(self) -> None:
        """Until it is told to stop."""
        while not self._over.wait(0.1):
            for path, told in (("/livez", self.alive), ("/readyz", self.ready)):
                since = time.monotonic()
                try:
                    status = self._server.ask(path, timeout_s=30).status
                except OSError:
                    status = 0
                told.append((since, status, time.monotonic() - since))

    def stop(self) -> None:
        """No more."""
        self._over.set()
        self.join(40)


@dataclass
class Seen:
    """What clients and probes saw of a server whose database was away between two moments."""

    server: Server
    asking: Sequence[Asking]
    probes: Probes
    away: float = 0.0
    back: float = 0.0
    lines: list[str] = field(default_factory=list)

    def recovered_s(self) -> float:
        """Seconds from the database's return until the server says that it is ready, and goes on to."""
        unready = [at for at, status, _ in self.probes.ready if status != 200]
        first = min(
            at + took for at, status, took in self.probes.ready if status == 200 and at > max(unready, default=0)
        )
        return max(0.0, first - self.back)

    def wrong(self) -> list[str]:
        """What the server did that it may not."""
        told = entries(self.asking)
        stored = [one for one in told if one.status < 500]  # of a refusal there may be no record now
        found = violations(self.server.home, stored)
        found += [f"{one.status} of {one.path}" for one in told if one.status not in (200, 422, 503)]
        found += [
            f"/livez {status} after {took:.1f} s" for _, status, took in self.probes.alive if status != 200 or took > 3
        ]
        slow = [one.longest_s for one in self.asking if one.longest_s > LONGEST_S]
        return [*found, *(f"a client waited for {seconds:.1f} s" for seconds in slow)]

    def said_a_second(self) -> float:
        """Lines of the log about the trouble itself, per second and process."""
        return len(self.lines) / (self.back - self.away + 1) / (WORKERS + 1)


@contextmanager
def observed(server: Server, clients: int = CLIENTS) -> Iterator[Seen]:
    """Load and probes while the block runs, and until the server has answered well for a while after it."""
    asking = [Asking("127.0.0.1", server.port, seed=seed, make=mixed) for seed in range(clients)]
    seen = Seen(server, asking, Probes(server))
    with load(asking):
        seen.probes.start()
        try:
            until(lambda: all(one.told for one in asking))
            before = server.log.read_text().count("\n")
            seen.away = time.monotonic()
            yield seen
            seen.back = time.monotonic()
            until_ready(server)
            since = time.time_ns() // 1000
            until(lambda: all(one.answered_at > since for one in asking))
            until(lambda: seen.probes.ready[-1][1] == 200 and seen.probes.ready[-1][0] > seen.back)
            seen.lines = server.log.read_text().splitlines()[before:]
        finally:
            seen.probes.stop()


def judge(seen: Seen, count: Tally, *, refused: bool = True) -> None:
    """Raises where the promise was broken, and says how long things took."""
    recovered = seen.recovered_s()
    longest = max(one.longest_s for one in seen.asking)
    statuses = [one.status for one in entries(seen.asking)]
    sys.stdout.write(f"{Counter(json.loads(line)['event'] for line in seen.lines if line.startswith('{'))}\n")
    sys.stdout.write(
        f"away for {seen.back - seen.away:.1f} s, ready {recovered:.2f} s after its return, longest wait {longest:.1f} s,"
        f" {statuses.count(200)} answered, {statuses.count(503)} refused, {seen.said_a_second():.2f} lines a second\n"
    )
    wrong = seen.wrong()
    count.count(len(wrong), len(statuses))
    assert wrong == []
    assert seen.server.alive(), "a process was replaced"
    assert seen.said_a_second() < LINES_A_SECOND
    if refused:
        assert 503 in statuses
        assert any(status == 503 for _, status, _ in seen.probes.ready)
        assert recovered < BACK_S


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A server of PostgreSQL that may be stopped."""
    try:
        made = Cluster()
    except PostgresMissing as missing:
        pytest.skip(str(missing))
    yield made
    made.close()


@pytest.fixture
def pg_home(own_cluster: Cluster, trainings: Callable[[Cluster | None], Path], tmp_path: Path) -> Iterator[Path]:
    made = copy_of(trainings(own_cluster), tmp_path / "home")
    yield made
    homes.forgotten(made)


@pytest.fixture
def wire(own_cluster: Cluster) -> Iterator[Proxy]:
    made = Proxy(own_cluster.port)
    yield made
    made.close()


@pytest.mark.timeout(300)
def test_a_database_that_is_ended_at_once_and_started_again(
    own_cluster: Cluster, pg_home: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    with serving(pg_home, workers=WORKERS, told={"job_workers": 1}) as server:
        jobs = server.notice()["jobs"]
        with observed(server) as seen:
            own_cluster.stop_at_once()
            time.sleep(AWAY_S[tier])
            own_cluster.start()
        until(lambda: '"no_job_claimed_no_more"' in server.log.read_text())
        assert server.notice()["jobs"] == jobs, "the worker for jobs was replaced"
        judge(seen, tally("P22"))


@pytest.mark.timeout(300)
def test_sessions_that_are_ended_again_and_again(
    own_cluster: Cluster, pg_home: Path, tally: Callable[[str], Tally]
) -> None:
    name = (homes.url_of(pg_home) or "").rpartition("/")[2]
    with serving(pg_home, workers=WORKERS) as server:
        with observed(server) as seen:
            for _ in range(20):
                own_cluster.tell(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
                time.sleep(0.2)
        judge(seen, tally("P22"), refused=False)


@pytest.mark.timeout(300)
def test_answers_to_a_commit_that_are_lost_double_nothing(
    pg_home: Path, wire: Proxy, tally: Callable[[str], Tally]
) -> None:
    with serving(pg_home, workers=WORKERS, told={"database_url": wire.over(homes.url_of(pg_home) or "")}) as server:
        with observed(server) as seen:
            for _ in range(15):
                wire.commits_to_cut += 1
                until(lambda: not wire.commits_to_cut)
        judge(seen, tally("P22"), refused=False)
        assert len(wire.cut_at) == 15
        told = [
            row["n"]
            for row in rows(
                pg_home, "SELECT count(*) AS n FROM predictions GROUP BY exchange, position HAVING count(*) > 1"
            )
        ]
        assert told == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["dropped", "dead", "slow"])
def test_a_wire_that_fails(pg_home: Path, wire: Proxy, how: str, tier: str, tally: Callable[[str], Tally]) -> None:
    with serving(pg_home, workers=WORKERS, told={"database_url": wire.over(homes.url_of(pg_home) or "")}) as server:
        with observed(server) as seen:
            if how == "dropped":
                wire.drop()
                time.sleep(AWAY_S[tier])
            elif how == "dead":
                wire.die()
                time.sleep(DEAD_S[tier])
            else:
                wire.delay_s = 0.1
                time.sleep(AWAY_S[tier])
                wire.delay_s = 0
            wire.live()
        judge(seen, tally("P22"), refused=how != "slow")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["transaction", "lock file"])
def test_an_sqlite_file_that_somebody_else_holds(
    trainings: Callable[[Cluster | None], Path], tmp_path: Path, how: str, tier: str, tally: Callable[[str], Tally]
) -> None:
    home = copy_of(trainings(None), tmp_path / "home")
    with serving(home, workers=WORKERS, told={"job_workers": 1}) as server:
        with observed(server) as seen:
            if how == "transaction":
                held = sqlite3.connect(home / "assay.db", isolation_level=None, timeout=20)
                held.execute("BEGIN EXCLUSIVE")
                time.sleep(HELD_S[tier])
                held.execute("COMMIT")
                held.close()
            else:
                with (home / "assay.db.lock").open("rb+") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    time.sleep(HELD_S[tier])
        judge(seen, tally("P22"))


@pytest.mark.timeout(300)
def test_a_server_that_is_started_before_its_database_becomes_ready_with_it(
    own_cluster: Cluster, pg_home: Path
) -> None:
    own_cluster.stop()
    log = pg_home.with_name("home.log")

    def come_back() -> None:
        until(lambda: log.exists() and "store_not_reached" in log.read_text())
        own_cluster.start()

    returning = threading.Thread(target=come_back)
    returning.start()
    try:
        server = start(pg_home, workers=WORKERS, told={"job_workers": 1})
        try:
            assert server.predict().status == 200
            assert log.read_text().count("store_not_reached") < 10
        finally:
            assert server.stop() == 0
    finally:
        returning.join()


@pytest.mark.timeout(300)
def test_a_server_whose_database_lets_nobody_in_says_so_and_ends(own_cluster: Cluster, pg_home: Path) -> None:
    url = (homes.url_of(pg_home) or "").replace("postgresql://tenant:", "postgresql://stranger:")
    with pytest.raises(AssertionError, match="error: The database"):
        start(pg_home, told={"database_url": url})


@pytest.mark.timeout(300)
def test_a_server_is_told_to_stop_while_its_database_is_away(own_cluster: Cluster, pg_home: Path) -> None:
    server = start(pg_home, workers=WORKERS, told={"drain_timeout_s": 5})
    own_cluster.stop_at_once()
    try:
        until_ready(server, 503)
        since = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 0
        assert time.monotonic() - since < 15
    finally:
        own_cluster.start()
        server.kill()


def test_what_is_lost_or_too_slow_is_noticed(trainings: Callable[[Cluster | None], Path], tmp_path: Path) -> None:
    home = copy_of(trainings(None), tmp_path / "home")
    with serving(home) as server:
        asking = [Asking("127.0.0.1", server.port, make=single)]
        seen = Seen(server, asking, Probes(server), away=0.0, back=1.0)
        with load(asking):
            until(lambda: len(asking[0].told) > 2)
    assert seen.wrong() == []
    seen.lines = [json.dumps({"event": "something"})] * 1000
    assert seen.said_a_second() > LINES_A_SECOND
    asking[0].longest_s = LONGEST_S + 1
    seen.probes.alive.append((0.0, 503, 0.1))
    assert len(seen.wrong()) == 2
    with sqlite3.connect(home / "assay.db") as database:
        database.execute("DELETE FROM exchanges")
    assert any("lost" in line for line in seen.wrong())


def until(holds: Callable[[], object]) -> None:
    """Waits until it holds."""
    waited = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < waited, "it never came true"
        time.sleep(0.02)
