"""The guard tells a version that does harm from the ordinary changes of a day."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assay.domain.releases.gate import Gate
from assay.measures.stability import stability_index
from assay.releasing.guard import Seen, compare

DRAW = np.random.default_rng(4)


def prices(count: int, seed: int = 0) -> Any:
    """Prices as a shop's are: many small, a few large."""
    return np.random.default_rng(seed).lognormal(7.8, 1.0, count)


def seen(**told: Any) -> Seen:
    made: dict[str, Any] = {
        "exchanges": 1_000, "errors": 0, "took_us": np.full(1_000, 9_000.0), "values": prices(1_000),
    }  # fmt: skip
    return Seen(**(made | told))


def failed(before: Seen, since: Seen, **told: Any) -> list[str]:
    return [check.name for check in compare(Gate(**told), before, since) if not check.passed]


def test_more_of_the_same_is_no_trouble() -> None:
    assert failed(seen(), seen(values=prices(1_000, seed=1))) == []


@pytest.mark.parametrize("count", [50, 100, 250, 1_000, 5_000])
def test_prices_that_drift_by_eight_per_cent_are_no_trouble(count: int) -> None:
    for seed in range(20):
        before, since = prices(count, seed=2 * seed), 1.08 * prices(count, seed=2 * seed + 1)
        assert failed(seen(values=before), seen(values=since)) == []
    index, _ = stability_index(prices(5_000), 1.08 * prices(5_000, seed=1))
    assert 0 < index < 0.25


@pytest.mark.parametrize("count", [100, 250, 5_000])
@pytest.mark.parametrize(
    "change", [lambda found: 2.5 * found, lambda found: np.full_like(found, 4_000.0), lambda found: -found]
)
def test_answers_of_another_kind_are_noticed(count: int, change: Any) -> None:
    since = seen(values=change(prices(count, seed=1)))
    (check,) = [check for check in compare(Gate(), seen(), since) if not check.passed]
    assert check.name == "shift"
    assert "population stability index is" in check.detail


def test_answers_that_are_always_the_same_change_visibly() -> None:
    before, since = np.full(100, 10.0), np.full(100, 20.0)
    assert stability_index(before, before)[0] == pytest.approx(0, abs=1e-12)
    assert failed(seen(values=before), seen(values=since)) == ["shift"]
    assert failed(seen(values=before), seen(values=before)) == []


@pytest.mark.parametrize(
    ("before", "since", "told"), [(0, 10, []), (0, 20, ["errors"]), (100, 105, []), (100, 150, ["errors"])]
)
def test_errors_count_by_how_many_more_there_are(before: int, since: int, told: list[str]) -> None:
    assert failed(seen(errors=before), seen(errors=since)) == told


def test_a_slow_version_is_noticed_and_one_that_is_slow_for_a_few_is_not() -> None:
    slow, few = np.full(1_000, 40_000.0), np.where(np.arange(1_000) < 30, 40_000.0, 9_000.0)
    assert failed(seen(), seen(took_us=slow)) == ["latency"]
    assert failed(seen(), seen(took_us=few)) == []
    assert failed(seen(), seen(took_us=slow), guard_latency=5) == []


def test_a_round_of_some_milliseconds_is_never_too_slow() -> None:
    assert failed(seen(took_us=np.full(1_000, 50.0)), seen(took_us=np.full(1_000, 4_000.0))) == []


def test_too_few_of_either_side_are_not_compared() -> None:
    few = seen(exchanges=49, errors=49, took_us=np.full(49, 1e9), values=np.full(49, -1.0))
    assert compare(Gate(), seen(), few) == compare(Gate(), few, seen()) == ()
    assert [check.name for check in compare(Gate(guard_least=49), seen(), few)] == ["errors", "latency", "shift"]
    silent = seen(errors=1_000, took_us=(), values=())  # a version that fails gives no answers to be compared
    assert failed(seen(), silent) == ["errors"]
