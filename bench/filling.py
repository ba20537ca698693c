"""A record of any length, made by the databases themselves: four models, thirty versions, few refusals, one model rarely asked."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text

from assay.store import schema
from assay.store.database import Database, metadata

DAYS = 30
CHUNK = 200_000
BATCHES_OF = 1_000  # questions of one exchange, at the beginning of each such block
BLOCK = 50_000
RARE = 50  # rows of the model that is seldom asked
MODELS = {"diamond-price": (60, 14), "house-price": (30, 10), "car-price": (10, 5)}  # of a hundred rows, and versions
SELDOM = "boat-price"

# What differs between the two: how a row's number is had, and how a number is written in hexadecimal digits.
SQLITE = {
    "rows": "(WITH RECURSIVE n(i) AS (SELECT :low UNION ALL SELECT i + 1 FROM n WHERE i < :high - 1) SELECT i FROM n)",
    "id": "printf('%012x7%03x{tag}%015x', ({at}) / 1000, ({at}) % 1000 * 4, {i})",
    "bytes": "CAST({text} AS BLOB)",
}
POSTGRESQL = {
    "rows": "(SELECT generate_series(CAST(:low AS bigint), CAST(:high AS bigint) - 1) AS i)",
    "id": "lpad(to_hex(({at}) / 1000), 12, '0') || '7' || lpad(to_hex(({at}) % 1000 * 4), 3, '0')"
    " || '{tag}' || lpad(to_hex(CAST({i} AS bigint)), 15, '0')",
    "bytes": "convert_to({text}, 'UTF8')",
}


def fill(database: Database, rows: int, until: int) -> None:
    """So many predictions and exchanges of the last month before this time; indexes are made afterwards."""
    schema.upgrade(database)
    words = SQLITE if database.kind == "sqlite" else POSTGRESQL
    first, step = until - DAYS * 86_400_000_000, DAYS * 86_400_000_000 // rows
    exchanges, predictions = _statements(words, first, step, rows)
    indexes = [one for name in ("exchanges", "predictions") for one in metadata.tables[name].indexes]
    with _alone(database) as connection:
        for index in indexes:
            index.drop(connection)
        connection.commit()
        for low in range(0, rows, CHUNK):
            told = {"low": low, "high": min(low + CHUNK, rows)}
            connection.execute(text(exchanges), told)
            connection.execute(text(predictions), told)
            connection.commit()
            print(f"\r{database.kind}: {told['high']:,} of {rows:,} rows", end="", file=sys.stderr, flush=True)
        print("\nindexes ...", file=sys.stderr)
        for index in indexes:
            index.create(connection)
        connection.commit()


@contextmanager
def _alone(database: Any) -> Iterator[Connection]:
    """A connection that waits for no disk: what it makes can be made again."""
    with database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        if database.kind == "sqlite":
            for told in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-500000", "wal_autocheckpoint=20000"):
                raw.execute(f"PRAGMA {told}")
        else:
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("SET synchronous_commit = off"))
            connection.execute(text("SET maintenance_work_mem = '512MB'"))
            connection.commit()
        yield connection
        if database.kind == "sqlite":
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            connection.commit()
            raw.autocommit = True
            raw.execute("VACUUM (ANALYZE) exchanges")
            raw.execute("VACUUM (ANALYZE) predictions")
            raw.autocommit = False
        connection.connection.invalidate()  # its settings are not for others


def _statements(words: dict[str, str], first: int, step: int, rows: int) -> tuple[str, ...]:
    draw = "(i * 7919 % 1000003)"  # as good as random, and the same on both
    at, asked = f"({first} + i * {step})", f"({first} + i / {BLOCK} * {BLOCK} * {step})"
    exchange = words["id"].format(at=f"{at} + 700", tag="9", i="i")
    batch = words["id"].format(at=f"{asked} + 700", tag="9", i=f"(i / {BLOCK} * {BLOCK})")
    model, version = _who(draw, rows)
    path = f"CASE WHEN {draw} % 50 = 0 THEN '/v1/models' ELSE '/v1/models/' || {model} || '/predict' END"
    method = f"CASE WHEN {draw} % 50 = 0 THEN 'GET' ELSE 'POST' END"
    status = (
        f"CASE WHEN i % 100003 = 1 THEN 500 WHEN i % 2000003 = 5 THEN 503 WHEN {draw} % 500 = 3 THEN 422"
        f" WHEN {draw} % 5000 = 4 THEN 404 ELSE 200 END"
    )
    question = (
        "'{\"carat\":' || CAST(CAST(200 + "
        + draw
        + ' % 300 AS double precision) / 100 AS text) || \',"cut":"Ideal","color":"E",\''
        ' || \'"clarity":"VVS1","depth":61.0,"table":55.0,"x":6.5,"y":6.5,"z":4.0}\''
    )
    answer = f"CAST(300 + {draw} % 15000 AS text) || '.0'"
    role = f"CASE WHEN {draw} % 100 < 97 THEN 'answer' WHEN {draw} % 100 < 99 THEN 'shadow' ELSE 'rescore' END"
    asking = f"INSERT INTO exchanges (id, at, method, path, query, status, took_us, request, response, request_size,\
 response_size) SELECT {exchange}, {at}, {method}, {path}, '', {status}, 400 + {draw} % 300,\
 {words['bytes'].format(text=question)}, {words['bytes'].format(text=answer)}, 120, 8 FROM {words['rows']} AS numbers"
    answering = f"INSERT INTO predictions (id, at, model, version, role, question, answer, value, took_us, exchange,\
 position) SELECT {words['id'].format(at=f'{at} + 650', tag='8', i='i')}, {at} + 100, {model}, {version}, {role},\
 {question}, {answer}, (300 + {draw} % 15000) / 1.0, 300 + {draw} % 200,\
 CASE WHEN i % {BLOCK} < {BATCHES_OF} THEN {batch} ELSE {exchange} END,\
 CASE WHEN i % {BLOCK} < {BATCHES_OF} THEN i % {BLOCK} ELSE 0 END FROM {words['rows']} AS numbers"
    return tuple(re.sub(":(?!low|high)", r"\\:", one) for one in (asking, answering))


def _who(draw: str, rows: int) -> tuple[str, str]:
    """The model of a row and its version: each version in its time, and one row of a hundred of any, asked by its number."""
    models, versions, below = "", "", 0
    for name, (share, count) in MODELS.items():
        below += share
        models += f" WHEN {draw} / 1000 % 100 < {below} THEN '{name}'"
        ruling = f"1 + i * {count} / {rows}"
        versions += f" WHEN {draw} / 1000 % 100 < {below} THEN CASE WHEN {draw} % 97 = 0 THEN 1 + {draw} % {count} ELSE {ruling} END"
    seldom = f"WHEN i % ({rows} / {RARE}) = 7 THEN"
    return f"(CASE {seldom} '{SELDOM}'{models} END)", f"(CASE {seldom} 1{versions} END)"
