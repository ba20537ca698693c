"""What versions say of kept items, straight into a store: items, sets and sweeps of a test's own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from assay.clock import new_id, now_us
from assay.domain.items.item import Item, Sound
from assay.domain.items.score import Score, Sweep
from assay.domain.releases.rollout import Rollout
from assay.store.database import Database
from assay.store.items import items
from assay.store.items.groups import Group, Groups, Kept
from assay.store.items.sweeps import Sweeps, Work
from assay.store.releases.rollouts import Rollouts
from tests import rows

COLLECTION, MODEL = "files", "notes"
LABELS = ("low", "high")
SECONDS = 3


def item(name: str, **told: Any) -> Item:
    """An item that sounds for three seconds."""
    made: dict[str, Any] = {
        "id": new_id(), "at": now_us(), "collection": COLLECTION, "name": name, "size": 1,
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "sound": Sound(format="wav", rate=8_000, channels=1, frames=SECONDS * 8_000 + 100),
    }  # fmt: skip
    return Item(**(made | told))


def keep(database: Database, *names: str, **told: Any) -> list[Item]:
    """Items of these names, each the only live one that has it."""
    with database.writing() as connection:
        return [items.add(connection, item(name, **told))[0] for name in names]


def rule(database: Database, version: int, **told: Any) -> Rollout:
    """From now on this version answers."""
    return Rollouts(database).append(rows.rollout(version, model=MODEL, **told))


def work(version: int = 1, run: int = 0) -> Work:
    """A version's way through the items."""
    return Work(COLLECTION, MODEL, version, run)


def sweep(database: Database, version: int = 1, run: int = 0) -> Sweep:
    """The same, begun."""
    return Sweeps(database).begin(work(version, run), decision=1, seen=0, wanted=0, pending=0)


def score(of: Item | str, version: int = 1, run: int = 0, **told: Any) -> Score:
    """A set in which every confidence is a tenth of the version."""
    made: dict[str, Any] = {
        "id": new_id(), "at": now_us(), "item": of if isinstance(of, str) else of.id, "model": MODEL, "version": version,
        "run": run, "seconds": SECONDS, "labels": LABELS, "confidences": confidences(version / 10), "took_us": 7,
    }  # fmt: skip
    return Score(**(made | told))


def confidences(value: float) -> bytes:
    """As many as a set has."""
    return np.full((SECONDS, len(LABELS)), value, "<f4").tobytes()


def add(database: Database, sets: Sequence[Score], **told: Any) -> Kept:
    """Keeps sets of one version as a group."""
    first = sets[0]
    kept = Sweeps(database).find(work(first.version, first.run)) or sweep(database, first.version, first.run)
    group = Group(sweep=kept.id, model=first.model, version=first.version, sets=sets, **told)
    return Groups(database).add(group)
