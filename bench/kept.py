"""Kept files by the hundred thousand, each with its scores, straight into the tables of either database."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import insert, text

from assay.clock import new_ids, now_us
from assay.domain.items.item import Item, Sound
from assay.domain.items.score import Score
from assay.store.database import Database
from assay.store.items import items
from assay.store.items.scores import scores, values_of
from assay.store.items.standings import standings
from assay.store.items.sweeps import Sweeps, Work

COLLECTION, RATE, CHUNK = "files", 8_000, 2_000
TOLD = 0.02  # of the confidences say something


def name(place: int) -> str:
    """What the file of a place is called."""
    return f"recording_{place:07d}.wav"


def fill(database: Database, files: int, *, model: str, labels: Sequence[str], seconds: int) -> None:
    """So many live items that version 1 has scored, which rules by the first decision; each set stands."""
    draw = np.random.default_rng(7)
    for low in range(0, files, CHUNK):
        count = min(CHUNK, files - low)
        kept = list(_items(low, count, seconds))
        sets = list(_sets(kept, draw, model, tuple(labels), seconds))
        stood = [
            {"item": one.item, "model": model, "score": one.id, "version": 1, "run": 0, "decision": 1, "at": one.at}
            for one in sets
        ]
        with database.writing() as connection:
            connection.execute(insert(items.items), [_row(one) for one in kept])
            connection.execute(insert(scores), [values_of(one) for one in sets])
            connection.execute(insert(standings), stood)
        if low % (10 * CHUNK) == 0:
            print(f"filling {database.kind}: {low:,} of {files:,}", file=sys.stderr, flush=True)
    begun = Sweeps(database).begin(Work(COLLECTION, model, 1), decision=1, seen=files, wanted=files, pending=0)
    Sweeps(database).finish(begun.id, seen=files)
    _settle(database)


def _items(low: int, count: int, seconds: int) -> Iterator[Item]:
    sound = Sound(format="wav", rate=RATE, channels=1, frames=seconds * RATE)
    for place, id in enumerate(new_ids(count), low):
        digest = hashlib.sha256(id.encode()).hexdigest()
        size = seconds * RATE * 2 + 44
        yield Item(id=id, at=now_us(), collection=COLLECTION, name=name(place), digest=digest, size=size, sound=sound)


def _sets(
    kept: Sequence[Item], draw: np.random.Generator, model: str, labels: tuple[str, ...], seconds: int
) -> Iterator[Score]:
    shape = (len(kept), seconds * len(labels))
    told = np.where(draw.random(shape) < TOLD, draw.random(shape), draw.random(shape) * 0.05).astype("<f4")
    for one, id, values in zip(kept, new_ids(len(kept)), told, strict=True):
        yield Score(
            id=id, at=now_us(), item=one.id, model=model, version=1, seconds=seconds, labels=labels,
            confidences=values.tobytes(), took_us=1_000 * seconds,
        )  # fmt: skip


def _row(item: Item) -> dict[str, Any]:
    values = {name: getattr(item, name) for name in ("id", "at", "collection", "name", "digest", "size", "ending")}
    sound = {name: getattr(item.sound, name) for name in ("format", "rate", "channels", "frames")}
    return values | sound | {"notes": "[]", "origin": "upload", "place": "", "by": ""}


def _settle(database: Database) -> None:
    """As after a night: the statistics are there, and the log is in its place."""
    if database.kind == "postgresql":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:  # type: ignore[attr-defined]  # both kinds have one
            connection.execute(text("VACUUM ANALYZE"))
        return
    with database.reading() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
