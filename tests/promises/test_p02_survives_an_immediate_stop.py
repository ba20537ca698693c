"""P2 for PostgreSQL: what was answered survives its server's immediate stop, and settings that would lose it are refused."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.errors import StoreUnavailable
from assay.store.databases import open_database
from tests.postgres import USER, Cluster
from tests.promises.checker import lost, opened
from tests.promises.conftest import POSTGRESQL, Tally
from tests.promises.ledger import Acknowledged, Ledger, Load, mixed
from tests.promises.servers import Server, serving

# SQLite has no server to be stopped: the module beside this takes the power from its file
SERVED = POSTGRESQL
STOPS = {"pr": 2, "nightly": 40}
CONNECTIONS = 8
BACK_S = 20.0


@pytest.fixture
def lazy(cluster: Cluster) -> Iterator[Cluster]:
    """A server that writes down late, on its own account, what nobody has asked it to write down at once."""
    _set(cluster, "SET wal_writer_delay = '10s'")
    yield cluster
    _set(cluster, "RESET wal_writer_delay")


@SERVED
@pytest.mark.timeout(1800)
def test_nothing_that_was_answered_is_lost_when_the_database_is_stopped_at_once(
    home: Path, lazy: Cluster, tmp_path: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    count, draw, ledger = tally("P2"), random.Random(2), Ledger(tmp_path / "ledger")
    with serving(home, workers=2) as server:
        for _ in range(STOPS[tier]):
            before = count.trials
            known = stopped_under_load(server, lazy, ledger, after_s=draw.uniform(0.3, 1.0))
            with opened(home) as database:
                found = lost(database, known)
            count.count(len(found), len(known) - before)
            assert found == []
            assert count.trials > before, "nobody was answered"
        assert server.alive(), "the same processes answer again"


@SERVED
@pytest.mark.timeout(300)
def test_without_synchronous_commits_an_immediate_stop_loses_answers(home: Path, lazy: Cluster, tmp_path: Path) -> None:
    with serving(home, unsafe=("no-sync",)) as server:
        known = stopped_under_load(server, lazy, Ledger(tmp_path / "ledger"), after_s=1.0)
    with opened(home) as database:
        assert any("lost" in said for said in lost(database, known)), "the checker must notice"


@pytest.mark.usefixtures("postgres")  # where none can be had, neither can this one
def test_a_server_that_does_not_sync_is_refused() -> None:
    careless = Cluster(fsync="off")
    try:
        with pytest.raises(StoreUnavailable, match="fsync"):
            open_database(careless.create())
    finally:
        careless.close()


def test_what_the_server_says_of_commits_does_not_count(postgres: Cluster) -> None:
    url = postgres.create()
    postgres.tell(f"ALTER ROLE {USER} SET synchronous_commit = off")
    try:
        database = open_database(url)
        assert database.health().durable
        database.close()
    finally:
        postgres.tell(f"ALTER ROLE {USER} RESET synchronous_commit")


def stopped_under_load(server: Server, cluster: Cluster, ledger: Ledger, *, after_s: float) -> list[Acknowledged]:
    """Stops the database's server at once, starts it, and waits until it is used again; whatever was answered till then."""
    load = Load(server.port, ledger, mixed, seed=len(ledger.entries()), pause_s=0.02)
    asking = threading.Thread(target=lambda: asyncio.run(load.run(CONNECTIONS)))
    asking.start()
    try:
        time.sleep(after_s)
        cluster.stop_at_once()
        cluster.start()
        until = time.monotonic() + BACK_S
        while server.predict().status != 200:
            assert time.monotonic() < until, "nobody is answered after the database has come back"
            time.sleep(0.05)
    finally:
        load.stop()
        asking.join()
    # whoever could not be recorded was told so
    return [one for one in ledger.entries() if one.status != 503]


def _set(cluster: Cluster, told: str) -> None:
    cluster.tell(f"ALTER SYSTEM {told}")
    cluster.tell("SELECT pg_reload_conf()")
