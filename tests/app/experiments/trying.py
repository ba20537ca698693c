"""What the tests of experiments share: an experiment on the tiny application, and answers in its record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from assay.app import Assay
from assay.clock import new_id, new_ids, now_us
from assay.domain.releases.rollout import Arm, Rollout
from assay.serving.loaded import LoadedVersion
from assay.store.record import predictions
from assay.store.record.recorder import Entry
from tests import rows, standins, tiny

HALVES = (Arm(version=tiny.LINEAR, share=0.5), Arm(version=tiny.ROUGH, share=0.5))
SECOND = 1_000_000
QUESTION = msgspec.json.encode(tiny.QUESTION).decode()


class Silent:
    """Hears how far a job is, and keeps it."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int, int]] = []

    def at(self, stage: str, done: int, total: int) -> None:
        self.heard.append((stage, done, total))


def tried(assay: Assay, *, ago_s: float = 120, **told: Any) -> Rollout:
    """An experiment that began so long ago."""
    made = {"experiment": "checkout", "arms": HALVES, "at": now_us() - int(ago_s * SECOND)} | told
    return assay.rollouts.append(rows.rollout(tiny.LINEAR, **made))


def ended(assay: Assay, *, ago_s: float = 0, version: int = tiny.LINEAR) -> Rollout:
    """And ended so long ago."""
    return assay.rollouts.append(rows.rollout(version, at=now_us() - int(ago_s * SECOND)))


def id_at(ago_s: float) -> str:
    """An id of that time."""
    return f"{(now_us() - int(ago_s * SECOND)) // 1000:012x}{new_id()[12:]}"


def exchange_of(id: str) -> str:
    """The exchange in which an answer was given: an id of the same time."""
    return id[:12] + id[12:][::-1]


def answered(assay: Assay, count: int, *, ago_s: float = 60, **told: Any) -> list[str]:
    """So many answers over HTTP, each in an exchange of its own; the ids of the predictions."""
    start = id_at(ago_s)[:12]
    ids = [start + one[12:] for one in new_ids(count)]
    made = [
        rows.prediction_values(
            **({"id": id, "exchange": exchange_of(id), "question": QUESTION, "value": 1800.0} | told)
        )
        for id in ids
    ]
    assay.recorder.record([entry := Entry(None, made)])
    assert entry.error is None
    return ids


def shadows(assay: Assay, version: int = tiny.ROUGH) -> list[dict[str, Any]]:
    """What was kept of a shadow, the oldest first."""
    with assay.database.reading() as connection:
        found = connection.exec_driver_sql("SELECT * FROM predictions WHERE role = 'shadow' ORDER BY id").mappings()
        return [dict(row) for row in found if row["version"] == version]


def standing_in(assay: Assay, call: Callable[[Any], Any]) -> list[Sequence[float]]:
    """The shadow is a stand-in from now on; what it is asked, call by call."""
    asked: list[Sequence[float]] = []

    def noted(columns: Any) -> Any:
        asked.append(list(columns["carat"]))
        return call(columns)

    def load(version: Any, *, apart: bool = False) -> LoadedVersion:
        assert apart, "a shadow is asked in a process of its own"
        return standins.version(noted, number=version.number)

    assay.loader.load = load  # type: ignore[method-assign]  # no child process for the model that a test writes
    return asked


def carat(weight: float) -> str:
    """A question about so heavy a stone."""
    return msgspec.json.encode(tiny.QUESTION | {"carat": weight}).decode()


COLUMNS = predictions.COLUMNS[: predictions.COLUMNS.index("experiment") + 1]  # that a shadow fills
