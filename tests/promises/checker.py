"""The checker: compares what clients were told with what is stored, and names every difference."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests import homes
from tests.promises.ledger import Acknowledged

Row = dict[str, Any]


class Opened:
    """The store as it is found, read by none of our own code. Each statement is a transaction, its values are `?`."""

    def __init__(self, home: Path) -> None:
        url = homes.url_of(home)
        self.kind = "sqlite" if url is None else "postgresql"
        self._connection: Any
        if url is None:
            self._connection = sqlite3.connect(home / "assay.db", timeout=20, isolation_level=None)
            self._connection.row_factory = _named
        else:
            self._connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)

    def execute(self, query: str, told: Sequence[Any] = ()) -> Any:
        """A cursor over rows, each a dictionary."""
        if self.kind == "postgresql":
            query = query.replace("%", "%%").replace("?", "%s")
        return self._connection.execute(query, told)

    def tables(self) -> set[str]:
        """The tables that there are."""
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        if self.kind == "postgresql":
            query = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
        return {row["name"] for row in self.execute(query)}

    def close(self) -> None:
        """Gives the connection back."""
        self._connection.close()

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def violations(home: Path, acknowledged: Iterable[Acknowledged]) -> list[str]:
    """Every way in which the stored record differs from the ledger, and every version that is not whole."""
    with opened(home) as database:
        return [
            *integrity(database),
            *lost(database, acknowledged),
            *halves(database, home),
            *doubled(database),
        ]


def opened(home: Path) -> Opened:
    """The store, as it is found after the server's end."""
    return Opened(home)


def rows(home: Path, query: str, *told: Any) -> list[Row]:
    """The rows that a query finds."""
    with opened(home) as database:
        return list(database.execute(query, told))


def integrity(database: Opened) -> list[str]:
    """What SQLite itself finds wrong with its file; PostgreSQL keeps its files to itself."""
    if database.kind != "sqlite":
        return []
    found = [row["integrity_check"] for row in database.execute("PRAGMA integrity_check")]
    return [] if found == ["ok"] else [f"the file is damaged: {line}" for line in found[:3]]


def lost(database: Opened, acknowledged: Iterable[Acknowledged]) -> list[str]:
    """Answers that a client has and the record has not, or has otherwise."""
    exchanges = {row["id"]: row for row in database.execute("SELECT * FROM exchanges")}
    predictions = {row["id"]: row for row in database.execute("SELECT * FROM predictions")}
    found: list[str] = []
    for told in acknowledged:
        kept = exchanges.get(told.exchange)
        if kept is None:
            found.append(f"lost: the exchange {told.exchange} ({told.status})")
            continue
        found += [f"{told.exchange}: {said}" for said in _differences(told, kept, predictions)]
    return found


def halves(database: Opened, home: Path) -> list[str]:
    """Versions and datasets without a file that they name, or with one that is not what they name."""
    found = []
    for version in database.execute("SELECT model, number, status, manifest, dataset FROM versions"):
        name = f"version {version['number']} of {version['model']}"
        needed = {version["dataset"]}
        if version["manifest"] is not None and not (wrong := _wrong(home, version["manifest"])):
            manifest = json.loads(artifact(home, version["manifest"]).read_bytes())
            needed |= {file["sha256"] for file in manifest["files"].values()}
        elif version["manifest"] is not None:
            found.append(f"{name}: its manifest {wrong}")
        found += [
            f"{name}: a file {wrong}"
            for file in needed
            if version["status"] == "ready" and (wrong := _wrong(home, file))
        ]
    return found


def doubled(database: Opened) -> list[str]:
    """Numbers, keys and ids that stand more than once, and predictions without their exchange."""
    keys = Counter(row["idempotency_key"] for row in database.execute("SELECT idempotency_key FROM exchanges"))
    found = [
        f"the key {key!r} is recorded {count} times" for key, count in keys.items() if key is not None and count > 1
    ]
    orphans = database.execute(
        "SELECT count(*) AS n FROM predictions p LEFT JOIN exchanges e ON e.id = p.exchange"
        " WHERE p.exchange IS NOT NULL AND e.id IS NULL"
    ).fetchone()["n"]
    return [*found, *([f"{orphans} predictions have no exchange"] if orphans else [])]


def artifact(home: Path, name: str) -> Path:
    """Where the file of this name is kept."""
    return home / "artifacts" / name[:2] / name


def _named(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Row:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def _wrong(home: Path, name: str) -> str:
    file = artifact(home, name)
    if not file.is_file():
        return "is missing"
    return "" if sha256(file.read_bytes()).hexdigest() == name else "is not what it says"


def _differences(told: Acknowledged, kept: Row, predictions: dict[str, Row]) -> list[str]:
    found = []
    if kept["status"] != told.status:
        found.append(f"status {kept['status']} is recorded, {told.status} was sent")
    if sha256(kept["request"]).hexdigest() != told.sent:
        found.append("the recorded request is not what was sent")
    if kept["response"] is None or sha256(kept["response"]).hexdigest() != told.got:
        found.append("the recorded response is not what arrived")
    return [*found, *_answers(told, predictions)]


def _answers(told: Acknowledged, predictions: dict[str, Row]) -> list[str]:
    found = []
    for place, (one, value) in enumerate(zip(told.predictions, told.values, strict=True)):
        row = predictions.get(one)
        if row is None:
            found.append(f"lost: the prediction {one}")
        elif (row["version"], json.loads(row["answer"])) != (told.version, value):
            found.append(f"the prediction {one} is recorded as {row['answer']} by version {row['version']}")
        elif row["position"] != place and told.key is None:
            found.append(f"the prediction {one} has the place {row['position']} instead of {place}")
        elif told.key is None and row["exchange"] != told.exchange:
            found.append(f"the prediction {one} belongs to another exchange")
    return found
