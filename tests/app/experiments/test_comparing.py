"""What came of an experiment is told arm by arm, of the same time, with what chance would do, and shadows pair by pair."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.app import Assay
from assay.app.experiments import comparing
from assay.app.experiments.comparing import compare, phase_of, share_of
from assay.app.experiments.found import ArmFound
from assay.app.experiments.shadowing import Shadowing
from assay.clock import now_us
from assay.domain.outcome import Told
from assay.errors import ExperimentNotFound, NothingReleased
from assay.store.record.recorder import Entry
from tests import rows, tiny
from tests.app.experiments.trying import SECOND, Silent, answered, ended, exchange_of, id_at, standing_in, tried


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home") as opened:
        yield opened


def drawn(assay: Assay, version: int, count: int, **told: Any) -> list[str]:
    """Answers of an arm."""
    made: dict[str, Any] = {"version": version, "experiment": "checkout"} | told
    return answered(assay, count, **made)


def arms(assay: Assay) -> dict[int, ArmFound]:
    return {one.version: one for one in compare(assay, "stone").arms}


def failed(assay: Assay, version: int, status: int = 500, **told: Any) -> None:
    body = {"code": "model_error", "model": "stone", "version": version, "experiment": "checkout"} | told
    row = rows.exchange_values(id=id_at(30), status=status, response=str(body).replace("'", '"').encode())
    assay.recorder.record([entry := Entry(row, [])])
    assert entry.error is None


def test_the_share_of_each_arm_is_held_against_chance(assay: Assay) -> None:
    tried(assay)
    drawn(assay, tiny.LINEAR, 80)
    drawn(assay, tiny.ROUGH, 20)
    answered(assay, 500, version=tiny.ROUGH)  # asked for by number
    drawn(assay, tiny.ROUGH, 300, experiment="another")
    found = arms(assay)
    assert {number: (one.asks, one.share, one.wanted) for number, one in found.items()} == {
        1: (80, 0.8, 0.5), 2: (20, 0.2, 0.5),
    }  # fmt: skip
    assert (found[1].low, found[1].high) == pytest.approx((0.3, 0.7))
    assert not found[1].as_wanted
    assert [one.recipe for one in found.values()] == ["linear", "rough"]


@pytest.mark.parametrize(("asks", "every", "good"), [(0, 0, True), (50, 100, True), (29, 100, False), (71, 100, False)])
def test_chance_has_four_standard_deviations(asks: int, every: int, good: bool) -> None:
    assert share_of(0.5, asks, every)["as_wanted"] is good


def test_a_list_is_one_ask_with_many_answers(assay: Assay) -> None:
    tried(assay)
    drawn(assay, tiny.LINEAR, 1, took_us=5_000, value=1.0)
    for place in range(1, 5):
        drawn(assay, tiny.LINEAR, 1, position=place, took_us=5_000, value=float(place))
    found = arms(assay)[1]
    assert (found.asks, found.answers, found.took_ms) == (1, 5, {"0.5": 5.0, "0.95": 5.0})
    assert found.values["0.5"] == 2.0


def test_failures_count_against_the_arm_that_failed(assay: Assay) -> None:
    tried(assay)
    failed(assay, 2)
    failed(assay, 2, status=504)
    failed(assay, 1, status=503)
    failed(assay, 1, model="another")
    failed(assay, 1, experiment="another")
    assert {number: one.errors for number, one in arms(assay).items()} == {1: 0, 2: 2}


def test_what_came_true_is_held_against_each_arm(assay: Assay) -> None:
    tried(assay)
    draw = np.random.default_rng(1)
    for version, error in ((tiny.LINEAR, 10.0), (tiny.ROUGH, 100.0)):
        for _ in range(40):
            truth = draw.uniform(1000, 2000)
            (id,) = drawn(assay, version, 1, value=truth + draw.normal(0, error))
            assay.outcomes.add([Told(prediction=id, value=truth, observed_at=now_us())])
    drawn(assay, tiny.ROUGH, 20, value=1e9)  # about which nothing was told
    found = arms(assay)
    assert [one.truth.outcomes for one in found.values()] == [40, 40]
    assert found[1].truth.metric == pytest.approx(8, abs=4)
    assert found[1].truth.apart is None, "the main version is not held against itself"
    apart = found[2].truth.apart
    assert apart is not None
    assert apart.low > 0
    assert apart.value == pytest.approx((found[2].truth.metric or 0) - (found[1].truth.metric or 0))


def test_one_truth_says_nothing_about_a_difference(assay: Assay) -> None:
    tried(assay)
    for version in (tiny.LINEAR, tiny.ROUGH):
        (id,) = drawn(assay, version, 1)
        assay.outcomes.add([Told(prediction=id, value=5.0, observed_at=now_us())])
    assert arms(assay)[2].truth.apart is None


def test_of_a_long_experiment_all_arms_are_looked_at_for_the_same_time(
    assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "LOOK", 30)
    tried(assay, ago_s=1000)
    for ago_s in range(900, 100, -10):
        drawn(assay, tiny.LINEAR, 1, ago_s=ago_s)
        if ago_s % 20 == 0:
            drawn(assay, tiny.ROUGH, 1, ago_s=ago_s)
    found = compare(assay, "stone")
    assert not found.whole
    assert found.since < found.looked_from
    assert {one.version: one.asks for one in found.arms} == {1: 30, 2: 15}


def test_it_is_told_since_the_shares_are_as_they_are(assay: Assay) -> None:
    tried(assay, ago_s=200)
    drawn(assay, tiny.LINEAR, 9, ago_s=150)
    changed = tried(assay, ago_s=100)
    drawn(assay, tiny.LINEAR, 4, ago_s=50)
    over = ended(assay, ago_s=20)
    answered(assay, 7, version=tiny.LINEAR, ago_s=10)
    found = compare(assay, "stone")
    assert (found.since, found.until, found.whole) == (changed.at, over.at, True)
    assert [one.asks for one in found.arms] == [4, 0]


def test_the_newest_experiment_is_told_or_the_one_that_is_named(assay: Assay) -> None:
    with pytest.raises(ExperimentNotFound):
        phase_of(assay, "stone")
    with pytest.raises(NothingReleased):
        phase_of(assay, "other")
    first = tried(assay, ago_s=300, experiment="first")
    tried(assay, ago_s=200, experiment="second")
    ended(assay, ago_s=100)
    assert phase_of(assay, "stone").rollout.experiment == "second"
    assert phase_of(assay, "stone", "first").rollout.id == first.id
    with pytest.raises(ExperimentNotFound, match="never was an experiment 'third'"):
        phase_of(assay, "stone", "third")


@pytest.mark.parametrize("told", [{"arms": (), "shadows": (tiny.ROUGH,)}, {"mode": "all"}])
def test_where_nobody_is_drawn_the_main_version_has_all_of_it(assay: Assay, told: dict[str, Any]) -> None:
    tried(assay, **told)
    answered(assay, 6, version=tiny.LINEAR)
    (one,) = compare(assay, "stone").arms
    assert (one.version, one.wanted, one.asks, one.share, one.as_wanted) == (1, 1.0, 6, 1.0, True)


def test_a_shadow_is_held_against_the_main_version_question_by_question(assay: Assay) -> None:
    tried(assay, shadows=(7,))
    main = drawn(assay, tiny.LINEAR, 20, value=1000.0)
    drawn(assay, tiny.ROUGH, 15, value=5.0)
    for id in main:
        kept = rows.prediction_values(
            id=id_at(5),
            version=7,
            role="shadow",
            value=1010.0,
            exchange=exchange_of(id),
            experiment="checkout",
            took_us=2_000,
        )
        assay.recorder.record([Entry(None, [kept])])
        assay.outcomes.add([Told(prediction=id, value=1005.0 + 10 * (id > main[9]), observed_at=now_us())])
    with assay.database.writing() as connection:
        from assay.store import versions

        for _ in range(4):
            versions.add(connection, rows.version(recipe="planted"))
    (found,) = compare(assay, "stone").shadows
    assert (found.version, found.recipe, found.pairs, found.changed) == (7, "planted", 20, 1.0)
    assert found.change == {"0.5": 10.0, "0.95": 10.0, "1": 10.0}
    assert (found.truth.outcomes, found.truth.metric) == (20, 5.0)
    assert found.truth.apart is not None
    assert found.truth.apart.value == pytest.approx(-5.0)
    assert (found.asked, found.behind_s) == (0, None), "the mark says what was asked, not the record"


def test_what_was_asked_and_skipped_stands_beside_it(assay: Assay) -> None:
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    standing_in(assay, lambda columns: columns["carat"])
    answered(assay, 3, version=tiny.LINEAR)
    answered(assay, 1, version=tiny.LINEAR, question='{"carat":"heavy"}')
    Shadowing(assay, "stone", Silent()).run()
    (found,) = compare(assay, "stone").shadows
    assert (found.asked, found.skipped, found.reasons, found.pairs) == (3, 1, {"question_invalid": 1}, 3)
    assert found.behind_s == pytest.approx(20, abs=5)
    assert found.values["0.5"] == 1.0


def test_what_a_shadow_says_after_the_end_still_belongs_to_it(assay: Assay) -> None:
    tried(assay, arms=(), shadows=(tiny.ROUGH,))
    standing_in(assay, lambda columns: columns["carat"])
    answered(assay, 3, version=tiny.LINEAR)
    ended(assay, ago_s=30)
    Shadowing(assay, "stone", Silent()).run()
    found = compare(assay, "stone")
    assert found.until is not None
    assert found.until < now_us() - 29 * SECOND
    assert found.shadows[0].pairs == 3
