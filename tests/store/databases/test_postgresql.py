"""Every session keeps what it commits, whatever the server was told; and no error says where the server is, or as whom it is asked."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import text

from assay.errors import StoreUnavailable
from assay.store.databases import postgresql as module
from assay.store.databases.postgresql import Postgresql, parsed
from tests.postgres import PASSWORD, USER, Cluster, PostgresMissing

SECRETS = (PASSWORD, USER, "127.0.0.1", "localhost", "assay_")
# enters, says so, and goes on when it is told to
SLOW = """
import sys
from sqlalchemy import text
from assay.errors import StoreUnavailable
from assay.store.databases.postgresql import Postgresql
database = Postgresql(sys.argv[1])
try:
    with database.writing() as connection:
        connection.execute(text("UPDATE counter SET n = 666"))
        print("in", flush=True)
        sys.stdin.readline()
        if sys.argv[2] == "goes on":
            connection.execute(text("UPDATE counter SET n = 667"))
except StoreUnavailable as lost:
    print("lost", lost, flush=True)
else:
    print("committed", flush=True)
database.close()
"""


@pytest.fixture
def counting(postgresql: Postgresql) -> Postgresql:
    with postgresql.writing() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
    return postgresql


def counter(database: Postgresql) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT n FROM counter")).scalar_one())


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def shown(database: Postgresql, setting: str) -> set[str]:
    """What the setting is in each kind of session."""
    show = f"SHOW {setting}"
    with database.reading() as reader, database.writing() as writer, database.connect() as raw:
        (told,) = raw.execute(show).fetchone() or ("nothing",)
        return {str(told), *(str(one.execute(text(show)).scalar_one()) for one in (reader, writer))}


def with_settings(postgres: Cluster, url: str, **settings: str) -> Postgresql:
    """The database as one finds it whose administrator has defaults of his own for it."""
    for setting, value in settings.items():
        postgres.tell(f"ALTER DATABASE {name_of(url)} SET {setting} = '{value}'")
    return Postgresql(url)


# ---- durability


@pytest.mark.parametrize("default", ["off", "local"])
def test_every_session_waits_for_the_disk_whatever_the_default_is(postgres: Cluster, url: str, default: str) -> None:
    database = with_settings(postgres, url, synchronous_commit=default)
    assert shown(database, "synchronous_commit") == {"on"}
    health = database.health()
    assert health.durable
    assert health.told == "fsync=on, synchronous_commit=on, full_page_writes=on"
    database.close()


def test_only_who_is_told_to_does_without(url: str) -> None:
    database = Postgresql(url, durable=False)
    assert shown(database, "synchronous_commit") == {"off"}
    assert not database.health().durable
    database.close()


@pytest.fixture(scope="module")
def careless() -> Iterator[Cluster]:
    """A server that does not sync."""
    try:
        made = Cluster(fsync="off")
    except PostgresMissing as missing:
        pytest.skip(str(missing))
    yield made
    made.close()


def test_a_server_that_does_not_sync_is_refused(careless: Cluster) -> None:
    url = careless.create()
    with pytest.raises(StoreUnavailable, match="fsync=off"):
        Postgresql(url)
    database = Postgresql(url, durable=False)
    assert not database.health().durable
    database.close()


def test_a_database_that_cannot_hold_every_character_is_refused(postgres: Cluster, url: str) -> None:
    name = f"{name_of(url)}_ascii"
    told = (
        "ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc" if _knows_providers(postgres) else "ENCODING 'SQL_ASCII'"
    )
    postgres.tell(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE template0 {told}")
    with pytest.raises(StoreUnavailable, match="SQL_ASCII"):
        Postgresql(url.replace(name_of(url), name))
    postgres.drop(url.replace(name_of(url), name))


def _knows_providers(postgres: Cluster) -> bool:
    return int(postgres.tell("SHOW server_version_num")[0][0]) >= 150_000


# ---- who cannot be reached


def refusals(url: str, kind: str) -> str:
    """An address under which nothing answers, for one reason or another."""
    if kind == "password":
        return url.replace(PASSWORD, f"{PASSWORD}-wrong")
    if kind == "user":
        return url.replace(USER, f"{USER}_unknown")
    if kind == "database":
        return f"{url}_unknown"
    if kind == "name":
        return url.replace("127.0.0.1", "localhost.invalid")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        here, _, _ = url.rpartition("/")
        return f"{here.rpartition(':')[0]}:{free.getsockname()[1]}/{name_of(url)}"


@pytest.mark.parametrize(
    ("kind", "said"),
    [("password", "refuses the login"), ("user", "refuses the login"), ("database", "no such database"),
     ("name", "cannot be reached"), ("port", "cannot be reached")],
)  # fmt: skip
def test_where_the_server_cannot_be_asked_it_is_said_without_who_asks_and_where(url: str, kind: str, said: str) -> None:
    with pytest.raises(StoreUnavailable, match=said) as refused:
        Postgresql(refusals(url, kind))
    assert not [secret for secret in SECRETS if secret in str(refused.value)]


@pytest.mark.parametrize(
    "url",
    ["", "x", "postgresql", f"postgresql://{USER}:{PASSWORD}@localhost:port/x", f"mysql://{USER}:{PASSWORD}@localhost/x",
     f"{USER}:{PASSWORD}@localhost/x", f"postgresql+asyncpg://{USER}:{PASSWORD}@localhost/x", f"sqlite:///{PASSWORD}"],
)  # fmt: skip
def test_what_is_no_address_of_a_postgresql_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="postgresql://USER@HOST:PORT/NAME") as refused:
        Postgresql(url)
    assert not [secret for secret in SECRETS if secret in str(refused.value)]
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_the_address_may_be_written_in_three_ways(scheme: str) -> None:
    told = parsed(f"{scheme}://me@there:5433/name")
    assert (told.drivername, told.username, told.host, told.port) == ("postgresql+psycopg", "me", "there", 5433)


@pytest.mark.parametrize("password", ["p/a:s@s", "with space and+plus", "100%", "ä'\"\\", "?x=y#z"])
def test_a_password_may_have_any_character(postgres: Cluster, url: str, password: str) -> None:
    user = f"odd_{name_of(url)}"
    postgres.tell("CREATE ROLE {} LOGIN PASSWORD '{}'".format(user, password.replace("'", "''")))
    here, _, there = url.rpartition("@")
    database = Postgresql(f"postgresql://{user}:{quote(password, safe='')}@{there}")
    database.connect().close()
    database.close()
    postgres.tell(f"DROP ROLE {user}")
    assert here


# ---- turns


@pytest.mark.parametrize("then", ["goes on", "commits"])
def test_one_that_was_stopped_while_it_decides_does_not_keep_the_others_from_deciding(
    counting: Postgresql, url: str, then: str
) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", SLOW, url, then], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdin is not None
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == "in\n"
        os.kill(other.pid, signal.SIGSTOP)
        with counting.writing() as connection:  # raises StoreUnavailable where it waits for longer than ten seconds
            assert connection.execute(text("SELECT n FROM counter")).scalar_one() == 0
            connection.execute(text("UPDATE counter SET n = 1"))
    finally:
        os.kill(other.pid, signal.SIGCONT)
    said, _ = other.communicate("go\n", timeout=60)
    assert said.startswith("lost "), "what it has decided was decided by another meanwhile"
    assert not [secret for secret in SECRETS if secret in said]
    assert counter(counting) == 1


def test_nobody_waits_for_ever_for_a_turn(counting: Postgresql, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN_TIMEOUT_S", 1)
    other = Postgresql(url)  # as another process: its sessions wait for a lock no longer than this
    with counting.turn():
        with pytest.raises(StoreUnavailable, match="lock timeout"), other.writing():
            pass
        with pytest.raises(StoreUnavailable, match="for too long"), counting.writing():
            pass
    with other.writing() as connection:
        connection.execute(text("UPDATE counter SET n = 1"))
    assert counter(counting) == 1
    other.close()


def test_more_threads_than_connections_all_decide_and_read(counting: Postgresql) -> None:
    failed: list[Exception] = []

    def work() -> None:
        try:
            with counting.writing() as connection:
                connection.execute(text("UPDATE counter SET n = n + 1"))
            for _ in range(5):
                counter(counting)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shall see it
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failed, counter(counting)) == ([], 64)


# ---- views


def test_a_view_cannot_write(counting: Postgresql) -> None:
    with pytest.raises(StoreUnavailable, match="read-only"), counting.reading() as connection:
        connection.execute(text("UPDATE counter SET n = 5"))
    assert counter(counting) == 0
    with counting.writing() as connection:  # on the same session, as like as not
        connection.execute(text("UPDATE counter SET n = 6"))
    assert counter(counting) == 6


# ---- servers that come and go


def test_whoever_reads_does_not_notice_that_sessions_were_ended(
    counting: Postgresql, postgres: Cluster, url: str
) -> None:
    for _ in range(3):
        postgres.tell(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name_of(url)}'")
        assert counter(counting) == 0
        with counting.writing() as connection:
            connection.execute(text("UPDATE counter SET n = 0"))


@pytest.mark.parametrize("how", ["stop", "stop_at_once"])
def test_while_the_server_is_stopped_it_is_said_and_afterwards_all_goes_on(own: Cluster, how: str) -> None:
    url = own.create()
    database = Postgresql(url)
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (7)"))
    getattr(own, how)()
    try:
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="cannot be reached"), database.reading():
                pass
            with pytest.raises(StoreUnavailable, match="cannot be reached"), database.writing():
                pass
    finally:
        own.start()
    assert counter(database) == 7
    database.close()
    own.drop(url)


def test_a_transaction_whose_session_is_ended_is_not_committed(counting: Postgresql, postgres: Cluster) -> None:
    with pytest.raises(StoreUnavailable), counting.writing() as connection:
        connection.execute(text("UPDATE counter SET n = 5"))
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        postgres.tell(f"SELECT pg_terminate_backend({pid})")
        until = time.monotonic() + 20
        while postgres.tell(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"):
            assert time.monotonic() < until
            time.sleep(0.01)
    assert counter(counting) == 0


def test_a_connection_of_ones_own_is_the_callers_to_give_back(postgresql: Postgresql) -> None:
    with postgresql.connect() as connection:
        assert connection.autocommit
        assert connection.execute("SHOW application_name").fetchone() == ("assay",)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")


def test_no_driver_of_another_kind_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        Postgresql(str(tmp_path / "assay.db"))
