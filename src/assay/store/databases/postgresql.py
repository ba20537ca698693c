"""PostgreSQL: any number of processes on any number of hosts, whose decisions take turns by a lock in the database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from assay.errors import StoreUnavailable
from assay.store.database import Database, Health, What, Writer, keeping_to_text, translating
from assay.store.databases.copying import QUEUED, CopyWriter
from assay.store.databases.listening import Listener

SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
SHAPE = "postgresql://USER@HOST:PORT/NAME"
CHECKED = ("fsync", "server_encoding", "server_version_num")
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes")
OLDEST = 130_000  # of server_version_num
TURN_LOCK = 0x41535341595F5452  # one number of the database's 2^64 advisory locks, which all hosts know
TURN_TIMEOUT_S = 10.0
# a process that was stopped while it decides must not keep all others from deciding
IDLE_LIMIT = "5s"
TAKE_TURN = text(f"SELECT set_config('idle_in_transaction_session_timeout', '{IDLE_LIMIT}', true),"
                 f" pg_advisory_xact_lock({TURN_LOCK})")  # fmt: skip
NOW = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
CHANNEL = "assay"
CHANNELS: dict[What, str] = {"decided": CHANNEL, "queued": QUEUED, "ended": "assay_ended"}
CONNECTING: dict[str, Any] = {
    "connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
    "tcp_user_timeout": 10_000, "client_encoding": "utf8", "application_name": "assay",
    "prepare_threshold": None,  # a plan that was kept does not outlive a migration, nor a pooler between
}  # fmt: skip


class Postgresql(Database):
    """One database of a PostgreSQL server. What is decided is decided by one transaction at a time, as on SQLite.

    The record takes no turns: its rows have ids of their own and depend on nothing. Sessions say themselves that a commit
    waits for the disk, whatever the server's or the role's default is; a server that does not sync is refused.
    """

    kind = "postgresql"

    def __init__(self, url: str, *, durable: bool = True) -> None:
        self._url = parsed(url)
        self._durable = durable
        self._turn = threading.Lock()
        self.engine = _engine(self._url, durable=durable)
        try:
            with self.reading() as connection:
                _check(connection, durable=durable)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view; raises StoreUnavailable."""
        with _translating(), self.engine.connect() as connection:
            viewing = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with viewing.begin():
                yield viewing

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, as `Database.writing` has it."""
        with _in_turn(self._turn, self.engine) as connection:
            if self.fence is not None:
                self.fence(connection)
            yield connection

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The right to decide; held by one thread of one process of one host at a time."""
        with _in_turn(self._turn, self.engine):
            yield

    def writer(self) -> Writer:
        """A connection of the record's own, to which rows are copied."""
        return CopyWriter(self.connect)

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of one's own, with the product's guarantees set; raises psycopg.Error."""
        _, told = self.engine.dialect.create_connect_args(self._url)
        made: psycopg.Connection[Any] = psycopg.connect(**{**told, **CONNECTING}, autocommit=True)
        try:
            _prepare(made, durable=self._durable)
        except BaseException:
            made.close()
            raise
        return made

    def now(self, connection: Connection) -> int:
        """The server's clock."""
        return int(connection.execute(NOW).scalar_one())

    def lease_clock(self, connection: Connection) -> tuple[str, int]:
        """The server's clock, which all hosts read; it is never started anew."""
        return "database", self.now(connection)

    def tell(self, connection: Connection, what: What = "decided") -> None:
        """A notification, delivered by the commit."""
        connection.execute(text(f"NOTIFY {CHANNELS[what]}"))

    def listen(self, heard: Callable[[], None], what: What = "decided") -> Callable[[], None]:
        """A thread with a connection that waits for notifications, and comes back when the database does."""
        listener = Listener(self.connect, CHANNELS[what], heard)
        listener.start()
        return listener.stop

    def health(self) -> Health:
        """Whether what is committed is synced, by the server and by what our connections ask of it."""
        with self.reading() as connection:
            told = {name: str(connection.execute(text(f"SHOW {name}")).scalar_one()) for name in DURABILITY}
        durable = told["fsync"] == "on" and told["synchronous_commit"] not in ("off", "local")
        return Health([], durable, ", ".join(f"{name}={value}" for name, value in told.items()))

    def close(self) -> None:
        """Gives every connection back."""
        self.engine.dispose()


def parsed(url: str) -> URL:
    """The URL, made ready for the driver; raises StoreUnavailable, without what may be a password in it."""
    try:
        made = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreUnavailable(f"The database's URL cannot be read; it is written {SHAPE}.") from None
    if made.drivername not in SCHEMES:
        raise StoreUnavailable(f"The database's URL begins with {made.drivername!r}; it is written {SHAPE}.")
    return made.set(drivername="postgresql+psycopg")


@contextmanager
def _in_turn(gate: threading.Lock, engine: Engine) -> Iterator[Connection]:
    # threads of one process queue at the gate, so that they do not use up its connections
    if not gate.acquire(timeout=TURN_TIMEOUT_S):
        raise StoreUnavailable("Another thread of this process has been writing for too long.")
    try:
        with _translating(), engine.connect() as connection, connection.begin():
            connection.execute(TAKE_TURN)
            yield connection
    finally:
        gate.release()


def _engine(url: URL, *, durable: bool) -> Engine:
    # a pool that asks before it lends costs a round trip, and spares every reader the error of a restarted server
    engine = create_engine(
        url, pool_size=4, max_overflow=12, pool_timeout=TURN_TIMEOUT_S, pool_pre_ping=True,
        isolation_level="READ COMMITTED", connect_args=CONNECTING,
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def prepare(made: Any, _record: object) -> None:
        _prepare(made, durable=durable)

    keeping_to_text(engine)
    return engine


def _prepare(made: psycopg.Connection[Any], *, durable: bool) -> None:
    level = "on" if durable else "off"
    plain, made.autocommit = made.autocommit, True
    made.execute(
        f"SET synchronous_commit = {level}; SET lock_timeout = '{int(TURN_TIMEOUT_S)}s'; SET statement_timeout = '60s'"
    )
    made.autocommit = plain


def _check(connection: Connection, *, durable: bool) -> None:
    told = {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in CHECKED}
    if durable and told["fsync"] != "on":
        raise StoreUnavailable("The PostgreSQL server runs with fsync=off and would lose answers; switch it on.")
    if told["server_encoding"] != "UTF8":
        raise StoreUnavailable(f"The database's encoding is {told['server_encoding']}; Assay needs UTF8.")
    if int(told["server_version_num"]) < OLDEST:
        raise StoreUnavailable(f"The PostgreSQL server is older than version {OLDEST // 10_000}; upgrade it.")


def _translating() -> AbstractContextManager[None]:
    return translating(_said)


# by words of what the server or the driver says, of which some hold names and addresses
REFUSALS = (
    ("does not exist", "There is no such database, or no such user: create it first."),
    ("authentication failed", "The database refuses the login."),
    ("pg_hba.conf", "The database refuses logins from here, or without encryption."),
    ("FATAL", "The database lets nobody in at the moment."),
)
UNREACHED = "The database cannot be reached: see host and port; a sign such as @ in a password is written %40."


def _said(failed: Exception) -> str:
    """What of an error may be told: never where the database is, nor as whom it is asked."""
    if isinstance(failed, DBAPIError) and isinstance(failed.orig, psycopg.Error):
        told = failed.orig.diag.message_primary
        if told:
            return f"The database refused: {told}."
        return next((said for words, said in REFUSALS if words in str(failed.orig)), UNREACHED)
    return "The database has no connection to spare."
