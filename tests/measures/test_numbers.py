"""Metrics of numbers are what the training's own are, and an interval holds the difference as often as it says."""

from __future__ import annotations

import numpy as np
import pytest

from assay.measures import numbers
from assay.measures.numbers import COLUMNS, Apart, Group, apart, metric
from assay.training.evaluate import metrics

NAMES = tuple(COLUMNS)


def group(count: int, error: float, seed: int, *, bias: float = 0.0) -> Group:
    """Truths with answers that miss them."""
    draw = np.random.default_rng(seed)
    truth = draw.uniform(100, 1000, count)
    return Group(truth, truth + bias + draw.normal(0, error, count))


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_is_what_the_training_measures(name: str) -> None:
    found = group(500, 30, 1)
    assert metric(found, name) == pytest.approx(metrics(found.truth, found.answers)[name])


def test_truths_of_nothing_do_not_count_in_shares() -> None:
    found = Group(np.array([0.0, 10.0]), np.array([5.0, 12.0]))
    assert metric(found, "mape") == pytest.approx(0.2)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_defined_is_nothing(name: str) -> None:
    nobody = Group(np.empty(0), np.empty(0))
    assert metric(nobody, name) is None
    assert apart(nobody, group(9, 1, 1), name, paired=False) is None
    assert metric(Group(np.zeros(3), np.ones(3)), "mape") is None
    assert metric(Group(np.ones(3), np.ones(3)), "r2") is None


def test_numbers_have_no_other_metric() -> None:
    with pytest.raises(ValueError, match="average_precision"):
        metric(group(5, 1, 1), "average_precision")


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [60, 2_500])
def test_the_interval_holds_the_difference(name: str, paired: bool, count: int) -> None:
    one, other = group(count, 30, 1), group(count, 60, 1 if paired else 2)
    found = apart(one, other, name, paired=paired)
    mine, theirs = metric(one, name), metric(other, name)
    assert found is not None
    assert mine is not None
    assert theirs is not None
    assert found.value == pytest.approx(theirs - mine)
    assert found.low < found.value < found.high
    assert apart(one, other, name, paired=paired) == found, "the same input gave another result"


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_resampling_and_the_normal_approximation_agree(
    name: str, paired: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = group(2_500, 30, 1), group(2_500, 40, 1 if paired else 2)
    quick = apart(one, other, name, paired=paired)
    monkeypatch.setattr(numbers, "MANY", 10**9)
    drawn = apart(one, other, name, paired=paired)
    assert isinstance(quick, Apart)
    assert isinstance(drawn, Apart)
    assert (quick.high - quick.low) == pytest.approx(drawn.high - drawn.low, rel=0.15)


def test_answers_to_the_same_questions_tell_more_than_answers_to_others() -> None:
    one = group(400, 100, 1)
    other = Group(one.truth, one.answers + 1.0)
    together, apart_ = (apart(one, other, "mae", paired=paired) for paired in (True, False))
    assert together is not None
    assert apart_ is not None
    assert together.high - together.low < (apart_.high - apart_.low) / 5


@pytest.mark.parametrize("count", [100, 3_000])
def test_where_nothing_differs_the_interval_holds_nothing_as_often_as_it_says(count: int) -> None:
    draws = 60
    held = 0
    for seed in range(draws):
        found = apart(group(count, 30, 2 * seed), group(count, 30, 2 * seed + 1), "mae", paired=False)
        assert found is not None
        held += found.low <= 0 <= found.high
    assert held >= 0.85 * draws
