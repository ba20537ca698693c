"""The record's way into PostgreSQL: what is written is there once, whatever becomes of the connection on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest

from assay.clock import new_id, new_ids
from assay.errors import AssayError, StoreUnavailable, Unstorable
from assay.store import schema
from assay.store.database import Values
from assay.store.databases import copying, open_database
from assay.store.databases import postgresql as module
from assay.store.databases.copying import CopyWriter
from assay.store.databases.postgresql import Postgresql
from assay.store.record.exchanges import PLAIN_COLUMNS, Exchanges
from assay.store.record.predictions import Predictions
from tests import rows
from tests.postgres import Cluster, tell
from tests.store.databases.wire import Wire

PLAIN = len(PLAIN_COLUMNS)
DIGEST = "ab" * 32


class Line:
    """A writer, with the server's processes that it has been connected to."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self.backends: list[int] = []
        self.writer = CopyWriter(self._connected)

    def write(self, asked: list[Values], answered: list[Values]) -> None:
        self.writer.write(asked, answered)

    def _connected(self) -> psycopg.Connection[Any]:
        made = self._connect()
        self.backends.append(made.info.backend_pid)
        return made


@pytest.fixture
def line(postgresql: Postgresql) -> Iterator[Line]:
    made = Line(postgresql.connect)
    yield made
    made.writer.forget()


@pytest.fixture
def over_wire(wire: Wire) -> Iterator[Line]:
    """A writer behind the wire."""
    database = Postgresql(wire.url)
    made = Line(database.connect)
    yield made
    made.writer.forget()
    database.close()


def asked(**told: Any) -> Values:
    """An ordinary exchange."""
    return rows.exchange_values(**told)[:PLAIN]


def answered(count: int = 1, **told: Any) -> list[Values]:
    return [rows.prediction_values(id=id, position=place, **told) for place, id in enumerate(new_ids(count))]


def counts(url: str) -> tuple[int, int]:
    ((exchanges, predictions),) = tell(
        url, "SELECT (SELECT count(*) FROM exchanges), (SELECT count(*) FROM predictions)"
    )
    return exchanges, predictions


def ended(postgres: Cluster, backend: int) -> None:
    """Ends a server's process, and waits until it is gone."""
    postgres.tell(f"SELECT pg_terminate_backend({backend})")
    until = time.monotonic() + 20
    while postgres.tell(f"SELECT 1 FROM pg_stat_activity WHERE pid = {backend}"):
        assert time.monotonic() < until
        time.sleep(0.01)


# ---- what is written


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"at": 0, "took_us": 0, "request": b"", "response": b"", "request_size": 0, "response_size": 0, "path": ""},
        {"at": 2**63 - 1, "status": 2**31 - 1, "took_us": -(2**63), "request_size": 2**62, "response_size": -1},
        {"request": bytes(range(256)) * 3, "response": bytearray(b"\x00\xff\\N\n"), "query": "a=1&b=%00"},
        {"path": "/ü/€/𝄞/\ufffd/\\N\t\n\x01", "method": "PROPFIND", "query": "x" * 8192},
        {"response": None},
        {"response_digest": DIGEST},
        {"idempotency_key": "POST /x k", "replay_of": "cd" * 16, "response_digest": DIGEST, "response": None},
    ],
    ids=["usual", "empty", "longest numbers", "bytes", "texts", "no response", "digest", "keyed"],
)
def test_an_exchange_is_read_as_it_was_written(postgresql: Postgresql, line: Line, told: dict[str, Any]) -> None:
    row = rows.exchange_values(**told)
    ordinary = row[PLAIN:] == (None, None, None)
    line.write([row[:PLAIN] if ordinary else row], [])
    found = Exchanges(postgresql).find(row[0])
    assert found is not None
    assert tuple(getattr(found, name) for name in found.__struct_fields__) == row


@pytest.mark.parametrize(
    "told",
    [
        {}, {"value": None}, {"value": -0.0}, {"value": 5e-324}, {"value": float("-inf")}, {"exchange": new_id()},
        {"version": 2**31 - 1, "position": 0, "at": 1, "took_us": 2**40},
        {"question": '{"cut":"ü\\u0000"}' * 1000, "answer": '"€"', "model": "m" * 64, "role": "rescore"},
        {"experiment": "checkout", "role": "shadow", "value": None}, {"experiment": None}, {"entity": "users/a", "experiment": None},
    ],
)  # fmt: skip
def test_a_prediction_is_read_as_it_was_written(postgresql: Postgresql, line: Line, told: dict[str, Any]) -> None:
    row = rows.prediction_values(**told)
    line.write([], [row])
    found = Predictions(postgresql).find(row[0])
    assert found is not None
    kept = {name: getattr(found, name) for name in found.__struct_fields__}
    kept |= {name: bytes(kept[name]).decode() for name in ("question", "answer")}
    assert tuple(kept.values()) == (*row, *(None,) * (len(kept) - len(row)))
    assert str(kept["value"]) == str(row[7])


def test_what_is_no_number_is_none(postgresql: Postgresql, line: Line) -> None:
    (row,) = answered(value=float("nan"))
    line.write([], [row])
    found = Predictions(postgresql).find(row[0])
    assert found is not None
    assert found.value is None


@pytest.mark.parametrize("count", [1, 64, 3_000])
def test_a_group_of_any_size_is_kept_whole_by_one_connection(url: str, line: Line, count: int) -> None:
    for _ in range(2):
        keyed = [rows.exchange_values(idempotency_key=new_id()) for _ in range(count // 2)]
        line.write([*keyed, *(asked() for _ in range(count - len(keyed)))], answered(count))
    assert counts(url) == (2 * count, 2 * count)
    assert len(line.backends) == 1


@pytest.mark.parametrize("size", [1 << 16, 20 << 20])
def test_a_long_body_is_kept_whole(postgresql: Postgresql, line: Line, size: int) -> None:
    body = bytes(range(256)) * (size // 256)
    row = asked(request=body, response=body[::-1])
    line.write([row], answered())
    found = Exchanges(postgresql).find(row[0])
    assert found is not None
    assert (found.request, found.response) == (body, body[::-1])


def test_writers_of_many_threads_do_not_wait_for_each_other(postgresql: Postgresql, url: str) -> None:
    failed: list[Exception] = []

    def work() -> None:
        line = Line(postgresql.connect)
        try:
            for _ in range(20):
                line.write([asked()], answered(5))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shall see it
            failed.append(error)
        line.writer.forget()

    threads = [threading.Thread(target=work) for _ in range(6)]
    with postgresql.turn():  # the record depends on no decision
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
    assert counts(url) == (120, 600)


# ---- what is refused


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("no text", "0x00"),
        ("duplicate id", "duplicate key"),
        ("duplicate key", "duplicate key"),
        ("nothing", "null value"),
    ],
)
def test_a_row_that_is_refused_takes_its_group_with_it_and_leaves_the_connection_as_it_was(
    url: str, line: Line, kind: str, said: str
) -> None:
    known = rows.exchange_values(idempotency_key="k")
    line.write([known], [])
    bad = {
        "no text": rows.exchange_values(path="/\x00"), "duplicate id": rows.exchange_values(id=known[0]),
        "duplicate key": rows.exchange_values(idempotency_key="k"), "nothing": rows.exchange_values(path=None),
    }[kind]  # fmt: skip
    for row in (bad, bad[:PLAIN]) if kind != "duplicate key" else (bad,):
        with pytest.raises(Unstorable, match=said):
            line.write([asked(), row, asked()], answered(100))
        assert counts(url)[0] >= 1
        line.write([asked()], answered())
    assert counts(url)[1] == counts(url)[0] - 1, "only the groups without the bad row were kept"
    assert len(line.backends) == 1, "it was connected anew"


@pytest.mark.parametrize(
    "wrong", [{"status": 2**31}, {"at": 2**63}, {"path": "\ud800"}, {"request": None}, {"status": "200"}]
)
def test_what_no_column_holds_is_refused_before_anything_is_sent(url: str, line: Line, wrong: dict[str, Any]) -> None:
    with pytest.raises(Exception) as refused:
        line.write([asked(**wrong)], answered())
    assert not isinstance(refused.value, StoreUnavailable)
    assert line.backends == []
    line.write([asked()], [])
    assert counts(url) == (1, 0)


def test_a_long_group_that_is_refused_is_drained(url: str, line: Line) -> None:
    twice = asked(request=b"x" * (8 << 20))
    with pytest.raises(Unstorable):
        line.write([twice, *(asked(request=b"y" * (1 << 20)) for _ in range(8)), twice], answered(3_000))
    line.write([asked()], [])
    assert counts(url) == (1, 0)
    assert len(line.backends) == 1


# ---- connections that are lost


def test_a_connection_that_is_lost_between_two_groups_costs_nothing(url: str, line: Line, postgres: Cluster) -> None:
    for count in (1, 2, 3):
        line.write([asked()], answered(2))
        assert (counts(url), len(line.backends)) == ((count, 2 * count), count)
        ended(postgres, line.backends[-1])


@pytest.mark.parametrize("at", [1, 2], ids=["first copy", "second copy"])
def test_a_connection_that_is_lost_in_the_middle_of_a_group_loses_and_doubles_nothing(
    url: str, wire: Wire, over_wire: Line, postgres: Cluster, at: int
) -> None:
    over_wire.write([asked()], answered())
    begun: list[bytes] = []

    def watch(data: bytes) -> bool:
        begun.extend([b"G"] * data.count(b"G\x00\x00\x00"))  # the server is ready for a COPY's data
        if len(begun) == at:
            begun.append(b"over")
            ended(postgres, over_wire.backends[0])
        return False

    wire.watch = watch
    over_wire.write([asked(), asked()], answered(500))
    assert b"over" in begun
    assert counts(url) == (3, 501)
    assert len(over_wire.backends) == 2


@pytest.mark.parametrize("predictions_only", [False, True])
def test_a_commit_whose_answer_was_lost_is_kept_once(
    url: str, wire: Wire, over_wire: Line, predictions_only: bool
) -> None:
    lost: list[bytes] = []

    def watch(data: bytes) -> bool:
        if b"COMMIT\x00" in data and not lost:
            lost.append(data)
            return True
        return False

    wire.watch = watch
    over_wire.write([] if predictions_only else [asked(), rows.exchange_values(idempotency_key="k")], answered(10))
    assert lost
    assert counts(url) == (0 if predictions_only else 2, 10)
    assert len(over_wire.backends) == 2


def test_a_row_that_is_refused_is_so_also_after_a_connection_was_lost(url: str, line: Line, postgres: Cluster) -> None:
    twice = asked()
    line.write([twice], [])
    ended(postgres, line.backends[0])
    with pytest.raises(Unstorable, match="duplicate key"):
        line.write([asked(), twice], answered())
    assert counts(url) == (1, 0)


def hold(other: psycopg.Connection[Any], key: str) -> None:
    """Adds a row with this key, in a transaction that is not over."""
    names = "id, at, method, path, query, status, took_us, request, request_size, response_size, idempotency_key"
    insert = f"INSERT INTO exchanges ({names}) VALUES (%s, 1, 'GET', '/', '', 200, 1, '', 0, 0, %s)"
    other.execute(insert.encode(), (new_id(), key))


def waiting(url: str, count: int) -> None:
    """Returns once so many of the server's processes wait for another one."""
    until = time.monotonic() + 20
    while len(tell(url, "SELECT DISTINCT pid FROM pg_locks WHERE NOT granted")) < count:
        assert time.monotonic() < until
        time.sleep(0.01)


@contextmanager
def writing(line: Line, group: list[Values]) -> Iterator[None]:
    """The group is written beside the block, and kept once that has ended."""
    failed: list[AssayError] = []

    def write() -> None:
        try:
            line.write(group, [])
        except AssayError as error:
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    yield
    thread.join(20)
    assert failed == []


def test_of_two_groups_that_wait_for_each_other_both_are_kept(url: str, line: Line) -> None:
    group = [rows.exchange_values(idempotency_key=key) for key in ("a", "b")]
    with psycopg.connect(url) as other:
        hold(other, "b")
        with writing(line, group):
            waiting(url, 1)
            with suppress(psycopg.errors.DeadlockDetected):  # the server ends one of the two
                hold(other, "a")
            other.rollback()
    assert counts(url) == (2, 0)


def test_a_session_that_was_given_up_and_commits_after_all_does_not_make_its_rows_refused(
    url: str, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "TIMEOUT_US", 3_000_000)
    with psycopg.connect(url) as other:
        hold(other, "k")
        with writing(line, [asked(), rows.exchange_values(idempotency_key="k")]):
            waiting(url, 2)  # the session that was given up for ours, and the next one for that session
            other.rollback()
    assert counts(url) == (2, 0)
    assert len(line.backends) == 2


# ---- servers that come and go


@pytest.mark.parametrize("how", ["stop", "stop_at_once"])
def test_while_the_server_is_stopped_it_is_said_at_once_and_afterwards_all_goes_on(own: Cluster, how: str) -> None:
    url = own.create()
    database = open_database(url)
    schema.upgrade(database)
    writer = database.writer()
    writer.write([asked()], answered())
    getattr(own, how)()
    try:
        since = time.monotonic()
        for _ in range(20):
            with pytest.raises(StoreUnavailable):
                writer.write([asked()], answered())
        assert time.monotonic() - since < 10, "each waited for a connection that cannot be made"
    finally:
        own.start()
    _until_written(writer)
    assert counts(url) == (2, 2)
    writer.forget()
    database.close()
    own.drop(url)


def test_a_server_that_says_nothing_any_more_is_given_up(
    url: str, wire: Wire, over_wire: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "TIMEOUT_US", 500_000)
    monkeypatch.setitem(module.CONNECTING, "connect_timeout", 2)
    over_wire.write([asked()], [])
    wire.silent = True
    for _ in range(2):
        with pytest.raises(StoreUnavailable):  # without the time-outs it would wait for ever
            over_wire.write([asked()], answered())
    wire.silent = False
    _until_written(over_wire.writer)
    assert counts(url) == (2, 1)


def test_patience_with_a_silent_server_is_a_quarter_of_a_minute_in_all() -> None:
    assert copying.TIMEOUT_US / 1e6 + module.CONNECTING["connect_timeout"] <= 15


def test_a_server_that_refuses_to_write_is_a_failing_store_and_is_asked_anew(url: str, line: Line) -> None:
    line.write([asked()], [])
    name = url.rpartition("/")[2]
    tell(url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert line.writer._connection is not None
    line.writer._connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(StoreUnavailable, match="read-only"):
        line.write([asked()], [])
    tell(url, f"BEGIN READ WRITE; ALTER DATABASE {name} RESET default_transaction_read_only; COMMIT")
    line.write([asked()], [])
    assert counts(url) == (2, 0)
    assert len(line.backends) == 2, "another server may answer at the address by now"


def _until_written(writer: Any) -> None:
    """What is back can be written to again, after a moment in which nobody tries."""
    until = time.monotonic() + 20
    while True:
        try:
            writer.write([asked()], answered())
        except StoreUnavailable:
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return
