"""The table `exchanges`: every HTTP request and response as they crossed the door."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, LargeBinary, Row, String, Table, select, text

from assay.domain.exchange import Exchange
from assay.store.database import NO_TEXT, Database, Id, Values, metadata, text_of
from assay.store.paging import Page, Window, cursor_of, first_id, span
from assay.store.record.walking import LOOK_BACK, Part, Walk, conditions, page_of_look

exchanges = Table(
    "exchanges", metadata,
    Column("id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False),  # microseconds since 1970, UTC
    Column("method", String(16), nullable=False),
    Column("path", String, nullable=False),
    Column("query", String, nullable=False),
    Column("status", Integer, nullable=False),
    Column("took_us", BigInteger, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("response", LargeBinary),
    Column("request_size", BigInteger, nullable=False),
    Column("response_size", BigInteger, nullable=False),
    Column("response_digest", String(64)),
    Column("idempotency_key", String),
    Column("replay_of", String(32)),
    Index("ix_exchanges_idempotency_key", "idempotency_key", unique=True,
          sqlite_where=text("idempotency_key IS NOT NULL"), postgresql_where=text("idempotency_key IS NOT NULL")),
    # what went well is not worth an entry an answer
    Index("ix_exchanges_refused", "status", "id", sqlite_where=text("status >= 400"), postgresql_where=text("status >= 400")),
)  # fmt: skip

PAGE_BYTES = 8 << 20
CHUNK = 500
REFUSED = 400  # statuses from here on have an index
COLUMNS: tuple[str, ...] = tuple(exchanges.columns.keys())
PATH = COLUMNS.index("path")
# An ordinary exchange has no digest, no idempotency key and replays nothing. The library that binds values is slow with
# None and with bytes (it looks for adapters), and quick with what is left out and with bytearray.
PLAIN_COLUMNS: tuple[str, ...] = COLUMNS[: COLUMNS.index("response_digest")]


class Exchanges:
    """Reading of the table; the recorder alone writes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, asked: Window, *, path: str | None = None, status: int | None = None, method: str | None = None
    ) -> Page[Exchange]:
        """The newest first; `path` is matched as a whole.

        Only so many are looked at: of what is rare a page may have few entries, or none, and still lead on to the next.
        """
        refused = status is not None and status >= REFUSED
        part = Part((exchanges.c.status,), (status,), (text("status >= 400"),)) if refused else Part()
        where = conditions(asked, path=path, method=method, status=None if refused else status)
        sizes = select(exchanges.c.id, (exchanges.c.request_size + exchanges.c.response_size).label("size"))
        with self._database.reading() as connection:
            walk = Walk(connection, exchanges)
            look = walk.newest(part, span(asked), asked.limit + 1, where)
            found = [(row.id, row.size) for row in walk.rows(sizes, look.ids)]
            wanted = bounded(found, asked.limit)
            entries = [exchange_of(row) for row in walk.rows(select(exchanges), wanted)]
        if len(found) > len(wanted):
            return Page(entries=entries, next_cursor=cursor_of(wanted[-1]))
        return page_of_look(look, entries, asked)

    def find(self, exchange: str) -> Exchange | None:
        """One exchange by its id."""
        with self._database.reading() as connection:
            row = connection.execute(select(exchanges).where(exchanges.c.id == exchange)).first()
        return exchange_of(row) if row else None

    def paths(self, exchanges_of: list[str]) -> set[str]:
        """The different addresses of these exchanges."""
        query = select(exchanges.c.path).where(exchanges.c.id.in_(exchanges_of)).distinct()
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def asking(self, exchanges_of: list[str], bodies: list[bytes]) -> set[str]:
        """Those of these exchanges that asked just this, in one of the bodies."""
        found: set[str] = set()
        sizes = {len(body) for body in bodies}
        with self._database.reading() as connection:
            for at in range(0, len(exchanges_of), CHUNK):
                mine = (exchanges.c.id.in_(exchanges_of[at : at + CHUNK]), exchanges.c.request_size.in_(sizes))
                rows = connection.execute(select(exchanges.c.id, exchanges.c.request).where(*mine))
                found |= {str(id) for id, request in rows if bytes(request) in bodies}
        return found

    def statuses(self, prefix: str, others: set[str], *, since: int, until: int, limit: int) -> list[int]:
        """The newest statuses between two times of what the ruling version was asked below the prefix, or at other addresses.

        What is asked of a version by its number says nothing about the one that rules. At most `limit`, and only of the
        last rows that are looked at.
        """
        within = select(exchanges.c.id, exchanges.c.method, exchanges.c.path, exchanges.c.status).where(
            exchanges.c.id >= first_id(since), exchanges.c.id < first_id(until)
        )
        newest = within.order_by(exchanges.c.id.desc()).limit(LOOK_BACK).subquery()
        asked = [f"{prefix}predict", f"{prefix}explain", *sorted(others)]
        query = select(newest.c.status).where(newest.c.path.in_(asked))
        query = query.order_by(newest.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def by_idempotency_key(self, key: str) -> Exchange | None:
        """The exchange that first carried this key (scoped by its route)."""
        with self._database.reading() as connection:
            row = connection.execute(select(exchanges).where(exchanges.c.idempotency_key == key)).first()
        return exchange_of(row) if row else None


def storable(row: Values) -> Values:
    """The row as both databases can keep it: of all its texts, only an address that was told by a client can be none."""
    return tuple(map(text_of, row)) if NO_TEXT in row[PATH] else row


def bounded(found: list[tuple[str, int]], limit: int) -> list[str]:
    """The ids of a page: at most `limit`, and not more bytes of bodies than a page may hold (but at least one)."""
    wanted: list[str] = []
    held = 0
    for one, size in found[:limit]:
        held += size
        if wanted and held > PAGE_BYTES:
            break
        wanted.append(one)
    return wanted


def exchange_of(row: Row[Any]) -> Exchange:
    """The noun of a row."""
    return Exchange(**row._mapping)


def count(connection: Connection) -> int:
    """How many exchanges are kept."""
    return int(connection.execute(text("SELECT count(*) FROM exchanges")).scalar_one())
