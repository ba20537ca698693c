"""Rows of a foreign database: one query, in a transaction that can only read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from assay.errors import DataInvalid

SCHEMES = ("sqlite", "postgresql")
CHUNK = 10_000  # rows held at a time


def shown(place: str) -> str:
    """The address as it may be shown: without user, password and options; raises DataInvalid."""
    url = _url(place)
    return url._replace(username=None, password=None, query=sa.util.immutabledict()).render_as_string()


@contextmanager
def rows(place: str, query: str | None) -> Iterator[tuple[list[str], Iterator[Sequence[Sequence[Any]]]]]:
    """The names of the query's columns, and its rows in lists of at most 10,000 as they come.

    SQLite files are opened for reading only, PostgreSQL in a read-only transaction on one snapshot. Raises DataInvalid,
    which never holds the password.
    """
    url = _url(place)
    if not query or not query.strip():
        raise DataInvalid(f"{shown(place)}: a query must say which rows are wanted.")
    engine = None
    try:
        engine = _engine(url)
        with engine.connect() as connection:
            # a colon is no placeholder here
            result = connection.execute(sa.text(query.replace(":", r"\:")))
            if not result.returns_rows:
                raise DataInvalid(f"{shown(place)}: the query gives no rows; it must be one that reads.")
            yield list(result.keys()), result.partitions(CHUNK)
            connection.rollback()
    except sa.exc.SQLAlchemyError as failed:
        raise DataInvalid(f"{shown(place)}: {_plainly(failed, url)}") from None  # its own text may hold the address
    except ImportError as absent:
        raise DataInvalid(f"{shown(place)}: needs the driver {absent.name!r}: install assay[postgresql].") from None
    finally:
        if engine is not None:
            engine.dispose()


def summed(place: str, query: str | None) -> tuple[int, int]:
    """How many rows the query gives, and the sum of a 128-bit hash of each, whatever their order."""
    with rows(place, query) as (names, chunks):
        number, total = 0, _hash(tuple(names))
        for chunk in chunks:
            number += len(chunk)
            total += sum(_hash(tuple(row)) for row in chunk)
    return number, total % (1 << 128)


def _hash(row: tuple[Any, ...]) -> int:
    return int.from_bytes(hashlib.blake2b(repr(row).encode("utf-8", "replace"), digest_size=16).digest())


def _url(place: str) -> sa.URL:
    try:
        return sa.make_url(place)
    except (sa.exc.ArgumentError, ValueError) as wrong:
        scheme = place.partition("://")[0]
        raise DataInvalid(f"{scheme}://…: this is no database's address.") from wrong


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() == "sqlite":
        file = Path(url.database or "")
        if not file.is_file():
            raise DataInvalid(f"sqlite: there is no database file {url.database or 'named'}.")
        ours = sa.URL.create(
            "sqlite", database=f"file:{quote(str(file.absolute()))}", query={"mode": "ro", "uri": "true"}
        )
        return sa.create_engine(ours, poolclass=sa.NullPool)
    return sa.create_engine(
        url, poolclass=sa.NullPool, isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True, "stream_results": True, "yield_per": CHUNK},
        connect_args={"connect_timeout": 5},
    )  # fmt: skip


def _plainly(failed: sa.exc.SQLAlchemyError, url: sa.URL) -> str:
    lines = str(getattr(failed, "orig", None) or failed).strip().splitlines()
    said = lines[0].strip().rstrip(".")[:200] if lines else type(failed).__name__
    for secret in filter(None, (url.password, url.username)):
        said = said.replace(secret, "…")
    return f"the database refuses: {said}."
