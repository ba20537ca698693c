"""The record's way into PostgreSQL: a group is one message with its COPYs in PostgreSQL's binary format, and its commit."""

from __future__ import annotations

import select
import struct
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg import pq
from sqlalchemy import BigInteger

from assay.clock import ticks_us
from assay.errors import StoreUnavailable, Unstorable
from assay.store.database import Values
from assay.store.record import exchanges, predictions
from assay.store.work.queue import TASK_COLUMNS, TASKS_BEGIN, jobs

TIMEOUT_US = 10_000_000
REST_US = 250_000  # after a connection that could not be made, others need not wait for the same
HEADER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
QUEUED = "assay_queued"  # the channel on which whoever does tasks is told that there are some
REFUSED = ("22", "23")  # SQLSTATE's classes of data exceptions and of integrity
_int4, _int8, _float8, _length = struct.Struct("!ii"), struct.Struct("!iq"), struct.Struct("!id"), struct.Struct("!i")
PLAIN = len(exchanges.PLAIN_COLUMNS)
PLAIN_PREDICTION = len(predictions.PLAIN_COLUMNS)


class ConnectionLost(Exception):
    """Nobody knows what became of the transaction."""


class CopyWriter:
    """Whether a commit whose answer was lost took place is asked by the id of the group's first row.

    Three round trips a group (COPY, COPY, COMMIT), where multi-row inserts take one but cost six times the processor.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self._connection: psycopg.Connection[Any] | None = None
        self._resting_until = 0

    def write(self, asked: list[Values], answered: list[Values], queued: Sequence[Values] = ()) -> None:
        """As `Writer.write` has it."""
        named = (("exchanges", asked), ("predictions", answered), ("jobs", queued))
        first = next((table, str(rows[0][0])) for table, rows in named if rows)
        parts = _parts(asked, answered, queued)
        try:
            self._copy(self._opened(), parts)
        except ConnectionLost:
            self.forget()
            self._again(first, parts)

    def forget(self) -> None:
        """Gives the connection back; the next write opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _again(self, first: tuple[str, str], parts: Sequence[tuple[bytes, bytes]]) -> None:
        try:
            if self._kept(*first):
                return
            try:
                self._copy(self._opened(), parts)
            except Unstorable:
                if not self._kept(*first):  # the lost session was still at it, and has committed meanwhile
                    raise
        except (ConnectionLost, psycopg.Error) as lost:
            self.forget()
            raise StoreUnavailable("The record could not be written: the database was lost on the way.") from lost

    def _opened(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            if ticks_us() < self._resting_until:
                raise StoreUnavailable("The record could not be written: the database cannot be reached.")
            try:
                self._connection = self._connect()
            except psycopg.Error as failed:
                self._resting_until = ticks_us() + REST_US
                raise StoreUnavailable("The record could not be written: the database cannot be reached.") from failed
        return self._connection

    def _kept(self, table: str, id: str) -> bool:
        query = f"SELECT 1 FROM {table} WHERE id = %s"  # noqa: S608 - one of two names of ours
        return self._opened().execute(query, (id,)).fetchone() is not None

    def _copy(self, connection: psycopg.Connection[Any], parts: Sequence[tuple[bytes, bytes]]) -> None:
        session = connection.pgconn
        try:
            session.send_query(b"BEGIN;" + b";".join(copy for copy, _ in parts) + b";COMMIT")
            _until(session, pq.ExecStatus.COPY_IN)
            for place, (_, data) in enumerate(parts, 1):
                session.put_copy_data(data)
                session.put_copy_end()
                _until(session, pq.ExecStatus.COPY_IN if place < len(parts) else None)
        except psycopg.OperationalError as lost:  # what libpq says of a connection that is gone
            raise ConnectionLost(str(lost)) from lost
        except Unstorable:
            self._roll_back(session)
            raise
        except BaseException:
            self.forget()  # it may be anywhere within its transaction
            raise

    def _roll_back(self, session: pq.abc.PGconn) -> None:
        """The next group has the session as if nothing had happened, or another one."""
        until = ticks_us() + TIMEOUT_US
        try:
            _drain(session, until)
            session.send_query(b"ROLLBACK")
            _drain(session, until)
        except (ConnectionLost, psycopg.OperationalError):
            self.forget()


def _until(session: pq.abc.PGconn, wanted: pq.ExecStatus | None) -> None:
    """Waits for the wanted result, or for the end of all; raises ConnectionLost, Unstorable or StoreUnavailable."""
    until = ticks_us() + TIMEOUT_US
    last = b""
    while True:
        _wait(session, until)
        result = session.get_result()
        if result is None:
            if last != b"COMMIT":
                raise ConnectionLost("the session ended without a commit")
            return
        if result.status == wanted:
            return
        if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
            _raise(session, result)
        last = result.command_status or b""


def _drain(session: pq.abc.PGconn, until: int) -> None:
    """Waits for the end of all that was asked, whatever came of it; raises ConnectionLost."""
    while True:
        _wait(session, until)
        if session.get_result() is None:
            return


def _wait(session: pq.abc.PGconn, until: int) -> None:
    """Sends what is to be sent, and returns once a result can be taken without waiting; the interpreter's lock is free."""
    poll = select.poll()
    unsent = session.flush()
    poll.register(session.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
    while unsent or session.is_busy():
        left = (until - ticks_us()) // 1000
        ready = poll.poll(left) if left > 0 else []
        if not ready:
            raise ConnectionLost("no answer in time")
        session.consume_input()
        if unsent:
            unsent = session.flush()
            poll.modify(session.socket, select.POLLIN | (select.POLLOUT if unsent else 0))


def _raise(session: pq.abc.PGconn, result: pq.abc.PGresult) -> None:
    state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
    said = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode("utf-8", "replace")
    if state.startswith(REFUSED):
        raise Unstorable(f"The record cannot be stored: {said}.")
    # 57P0x: the server ends the session; 08xxx and none: the connection is gone; 40xxx: nothing was kept, and may be tried again
    if session.status != pq.ConnStatus.OK or not state or state.startswith(("08", "40", "57P")):
        raise ConnectionLost(said)
    raise StoreUnavailable(f"The record could not be written: {said}.")


def _copying(table: str, columns: Sequence[str]) -> bytes:
    named = ",".join(f'"{name}"' for name in columns)
    return f"COPY {table} ({named}) FROM STDIN (FORMAT BINARY)".encode()


PLAIN_EXCHANGES = _copying("exchanges", exchanges.PLAIN_COLUMNS)
EXCHANGES = _copying("exchanges", exchanges.COLUMNS)
PREDICTIONS = _copying("predictions", predictions.COLUMNS)
PLAIN_PREDICTIONS = _copying("predictions", predictions.PLAIN_COLUMNS)
TASKS = f"NOTIFY {QUEUED};".encode() + _copying("jobs", (*TASK_COLUMNS, *TASKS_BEGIN))


def _parts(asked: list[Values], answered: list[Values], queued: Sequence[Values] = ()) -> list[tuple[bytes, bytes]]:
    """The COPYs of a group, each with its data; what is ordinary has fewer columns than the rest."""
    plain = [_exchange(row) for row in asked if len(row) == PLAIN]
    keyed = [_exchange(row) + b"".join(map(_text, row[PLAIN:])) for row in asked if len(row) != PLAIN]
    given = [_prediction(row) for row in answered if len(row) == PLAIN_PREDICTION]
    drawn = [
        _prediction(row) + b"".join(map(_text, predictions.whole(row)[PLAIN_PREDICTION:]))
        for row in answered if len(row) != PLAIN_PREDICTION
    ]  # fmt: skip
    told = (
        (PLAIN_EXCHANGES, plain, PLAIN),
        (EXCHANGES, keyed, len(exchanges.COLUMNS)),
        (PLAIN_PREDICTIONS, given, PLAIN_PREDICTION),
        (PREDICTIONS, drawn, len(predictions.COLUMNS)),
        (TASKS, [_task(row) for row in queued] if queued else [], len(TASK_COLUMNS) + len(TASKS_BEGIN)),
    )
    return [(copy, _file(rows, fields)) for copy, rows, fields in told if rows]


def _file(rows: list[bytes], fields: int) -> bytes:
    count = struct.pack("!h", fields)
    return b"".join((HEADER, count, count.join(rows), TRAILER))


def _exchange(row: Values) -> bytes:
    id, at, method, path, query, status, took_us, request, response, request_size, response_size = row[:PLAIN]
    return b"".join((
        _text(id), _int8.pack(8, at), _text(method), _text(path), _text(query), _int4.pack(4, status),
        _int8.pack(8, took_us), _length.pack(len(request)), request,
        NULL if response is None else _length.pack(len(response)), response or b"",
        _int8.pack(8, request_size), _int8.pack(8, response_size),
    ))  # fmt: skip


def _prediction(row: Values) -> bytes:
    id, at, model, version, role, question, answer, value, took_us, exchange, position = row[:PLAIN_PREDICTION]
    return b"".join((
        _text(id), _int8.pack(8, at), _text(model), _int4.pack(4, version), _text(role), _text(question), _text(answer),
        # what is no number is none, as it is in SQLite
        NULL if value is None or value != value else _float8.pack(8, value), _int8.pack(8, took_us), _text(exchange),
        _int4.pack(4, position),
    ))  # fmt: skip


def _task(row: Values) -> bytes:
    id, at, model, key, arguments, by, max_attempts, total = row
    return b"".join((
        _text(id), _int8.pack(8, at), _text(model), _text(key), _text(arguments), _text(by), _int4.pack(4, max_attempts),
        _int4.pack(4, total), _BEGIN,
    ))  # fmt: skip


def _text(value: str | None) -> bytes:
    if value is None:
        return NULL
    data = value.encode()
    return _length.pack(len(data)) + data


def _constant(name: str, value: str | int) -> bytes:
    """What all tasks begin with in this column."""
    if isinstance(value, bool):
        return _length.pack(1) + bytes([value])
    if isinstance(value, str):
        return _text(value)
    return _int8.pack(8, value) if isinstance(jobs.c[name].type, BigInteger) else _int4.pack(4, value)


_BEGIN = b"".join(_constant(name, value) for name, value in TASKS_BEGIN.items())
