"""An evaluation tells a version's metrics at a moment."""

from __future__ import annotations

import msgspec

from assay.clock import now_us
from assay.domain.evaluation import Evaluation
from assay.domain.version import Version

VERSION = Version(
    model="stone", number=3, recipe="linear", status="ready", created_at=1, dataset="ab" * 32, metrics={"mae": 2.5},
    segments={"carat 0-1": {"rows": 4.0, "mae": 1.0}}, train_rows=80, test_rows=20,
)  # fmt: skip


def test_a_version_brings_its_own_evaluation_on_the_rows_held_out() -> None:
    before = now_us()
    made = Evaluation.of(VERSION)
    assert (made.model, made.version, made.dataset, made.split, made.rows) == ("stone", 3, "ab" * 32, "held-out", 20)
    assert made.metrics == VERSION.metrics
    assert made.segments == VERSION.segments
    assert before <= made.at <= now_us()


def test_each_evaluation_has_an_id_of_its_own() -> None:
    assert Evaluation.of(VERSION).id != Evaluation.of(VERSION).id


def test_an_evaluation_is_equal_to_itself_after_a_round_trip() -> None:
    made = Evaluation.of(VERSION)
    assert msgspec.json.decode(msgspec.json.encode(made), type=Evaluation) == made
