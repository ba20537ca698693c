"""The paired bootstrap over recordings: its value is exact, its interval honest, and seconds of one recording stay together."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from assay.measures.confidences import metrics
from assay.measures.resampling import METRICS, paired, paired_by_label

LABELS = ("zero", "one", "two")


def answers(seed: int, recordings: int = 60, seconds: int = 5, luck: float = 0.0) -> tuple[np.ndarray, ...]:
    """Truth [n, 3], two sets of confidences of equal quality, and each row's recording; of some recordings both know
    more than of others, and `luck` is by how much the one of two differs from the other in a whole recording."""
    draw = np.random.default_rng(seed)
    units = np.repeat(np.arange(recordings), seconds)
    truth = draw.random((len(units), 3)) < [0.2, 0.3, 0.1]
    known = draw.uniform(0.1, 0.6, recordings)[units, None]
    two = [
        1 / (1 + np.exp(-(6 * (known + draw.normal(0, luck, recordings)[units, None]) * truth + draw.normal(0, 1, truth.shape))))
        for _ in range(2)
    ]  # fmt: skip
    return truth, two[0], two[1], units


def test_whatever_is_measured_can_be_compared() -> None:
    truth, one, _, _ = answers(0)
    assert metrics(truth, one, LABELS, 0.5).keys() == METRICS


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_the_difference_itself_is_exact(metric: str) -> None:
    truth, one, other, units = answers(0)
    one, other = one.round(2), other.round(2)  # with ties
    before, after = (metrics(truth, told, LABELS, 0.5)[metric] for told in (one, other))

    found = paired(truth, one, other, units, metric=metric, resamples=50)

    assert found is not None
    assert found.value == pytest.approx(after - before, abs=1e-12)
    assert found.low < found.value < found.high
    back = paired(truth, other, one, units, metric=metric, resamples=50)
    assert back is not None
    assert back.value == pytest.approx(-found.value)
    assert back.better <= 1 - found.better + 1e-12  # less by those that are equal


def test_resamples_are_what_drawing_recordings_again_gives() -> None:
    truth, one, other, units = answers(1, recordings=12, seconds=3)
    one = one.round(1)
    found = paired(truth, one, other, units, resamples=40, seed=7, confidence=0.8)

    draw, differences = np.random.default_rng(7), []
    drawn = draw.integers(0, 12, (40, 12))
    for recordings in drawn:
        rows = np.concatenate([np.flatnonzero(units == unit) for unit in recordings])
        there = truth[rows].any(axis=0)
        both = [average_precision_score(truth[rows][:, there], told[rows][:, there]) for told in (one, other)]
        differences.append(both[1] - both[0])
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(differences, [0.1, 0.9])))
    assert found.better == np.mean(np.array(differences) > 0)


def test_an_interval_over_recordings_holds_and_one_over_seconds_does_not() -> None:
    inside = {"recordings": 0, "seconds": 0}
    for seed in range(100):
        truth, one, other, units = answers(seed, recordings=40, seconds=20, luck=0.15)
        for name, named in (("recordings", units), ("seconds", None)):
            found = paired(truth, one, other, named, resamples=200, seed=seed)
            assert found is not None
            inside[name] += found.low <= 0 <= found.high

    assert inside["recordings"] >= 88  # of 100, at 95 %; fewer than 88 happen by chance once in 400 times
    assert inside["seconds"] < inside["recordings"]


def test_the_same_answers_differ_by_nothing_and_better_ones_surely() -> None:
    truth, one, _, units = answers(3)
    same = paired(truth, one, one, units, resamples=100)
    better = paired(truth, one, 0.5 * one + 0.5 * truth, units, resamples=100)

    assert same is not None and better is not None
    assert (same.value, same.low, same.high, same.better) == (0, 0, 0, 0)
    assert better.low > 0
    assert better.better == 1


def test_less_loss_is_better() -> None:
    truth, one, _, units = answers(4)
    found = paired(truth, one, 0.5 * one + 0.5 * truth, units, metric="log_loss", resamples=100)

    assert found is not None
    assert found.value < 0
    assert found.better == 1


def test_each_label_has_its_own_interval() -> None:
    truth, one, _, units = answers(5)
    other = one.copy()
    other[:, 1] = other[::-1, 1]
    truth[:, 2] = False

    same, fallen, nowhere = paired_by_label(truth, one, other, units, resamples=200)

    assert same is not None and fallen is not None
    assert (same.low, same.high) == (0, 0)
    assert fallen.high < 0
    assert nowhere is None


def test_nothing_can_be_said_of_nothing() -> None:
    truth, one, other, units = answers(6)

    assert paired(truth[:0], one[:0], other[:0], units[:0]) is None
    assert paired(np.zeros_like(truth), one, other, units, resamples=10) is None
    with pytest.raises(ValueError, match="no metric 'mae'"):
        paired(truth, one, other, units, metric="mae")
