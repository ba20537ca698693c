"""What each version says of kept items is told label by label, and recordings have shadows as anything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from assay.app import Assay
from assay.app.experiments.asking import Asking
from assay.app.experiments.comparing import compare
from assay.app.experiments.hearing import CONTROL, confidences
from assay.app.items.sweeping import Sweeping
from assay.clock import new_id, now_us
from assay.domain.evaluation import Evaluation
from assay.domain.releases.rollout import Arm
from assay.store.record.questions import Question
from tests import stamped
from tests.app.experiments.trying import COLUMNS

ARMS = (Arm(version=1, share=0.5), Arm(version=2, share=0.5))


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with stamped.opened(tmp_path / "home") as opened:
        yield opened


def swept(assay: Assay, mode: str) -> None:
    stamped.keep(assay, range(20))
    stamped.rule(assay, 1, experiment="side-by-side", arms=ARMS, mode=mode, shadows=(3,))
    Sweeping(assay, stamped.MODEL, stamped.Noted(), budget_s=60).run()


def measured(assay: Assay, version: int, precise: float) -> None:
    assay.evaluations.add(
        Evaluation(
            id=new_id(), at=now_us(), model=stamped.MODEL, version=version, dataset="ab" * 32, split=CONTROL, rows=9,
            metrics={}, segments={"low": {"rows": 3.0, "average_precision": precise}, "middle": {"rows": 0.0}},
        )
    )  # fmt: skip


def test_where_every_arm_answers_everything_each_is_told_of_all_items(assay: Assay) -> None:
    swept(assay, "all")
    measured(assay, 2, 0.25)
    measured(assay, 2, 0.75)
    one, other, shadow = compare(assay, stamped.MODEL).items
    assert [(each.version, each.items, each.scored) for each in (one, other, shadow)] == [
        (1, 20, 20),
        (2, 20, 20),
        (3, 20, 0),
    ]
    assert (one.covered, shadow.covered) == (1.0, None)
    assert one.labels["low"].mean == pytest.approx(stamped.stamp(1))
    assert other.labels["low"].mean == pytest.approx(stamped.stamp(2))
    assert other.labels["low"].at_threshold == 0.0
    assert [each.labels["low"].average_precision for each in (one, other)] == [None, 0.75]
    assert shadow.labels["low"].mean is None


def test_where_items_are_shared_each_arm_has_its_part(assay: Assay) -> None:
    swept(assay, "split")
    one, other, _ = compare(assay, stamped.MODEL).items
    assert one.scored + other.scored == 20
    assert 0 < one.scored < 20


def test_a_set_is_read_second_by_second(assay: Assay) -> None:
    swept(assay, "all")
    (score,) = assay.sampling.sets(stamped.MODEL, 1, assay.sampling.items([stamped.COLLECTION], 1))
    assert confidences(score).shape == (2, 3)
    assert (confidences(score)[:, 0] == np.float32(stamped.stamp(1))).all()


def test_a_shadow_hears_recordings(assay: Assay) -> None:
    digests = [assay.artifacts.put(stamped.recording(place, 2)) for place in (1, 2)]
    asked = [
        Question(f"{place:032x}", msgspec.json.encode({"audio": digest}).decode(), "e" * 32, place)
        for place, digest in enumerate([*digests, "0" * 64])
    ]
    asking = Asking(assay, stamped.MODEL, 2)
    try:
        assert asking.hears
        said = asking.ask(asked, "side-by-side")
    finally:
        asking.close()
    assert (len(said.rows), dict(said.skipped)) == (2, {"question_invalid": 1}), "one is not kept here"
    told = [msgspec.json.decode(dict(zip(COLUMNS, row, strict=True))["answer"]) for row in said.rows]
    assert [one["low"] for one in told] == [[pytest.approx(stamped.stamp(2), abs=1e-6)] * 2] * 2
