"""The population stability index is the textbook's, and its noise what chance alone makes."""

from __future__ import annotations

import numpy as np
import pytest

from assay.measures.stability import between, noise, stability_index


def prices(count: int, seed: int = 0) -> np.ndarray:
    """Prices as a shop's are: many small, a few large."""
    return np.random.default_rng(seed).lognormal(7.8, 1.0, count)


def test_the_index_is_that_of_the_textbook() -> None:
    before = np.repeat([0.0, 1.0], 5_000)
    since = np.repeat([0.0, 1.0], [3_000, 7_000])
    index, _ = stability_index(before, since)
    assert index == pytest.approx((0.3 - 0.5) * np.log(0.3 / 0.5) + (0.7 - 0.5) * np.log(0.7 / 0.5), rel=0.02)


def test_chance_alone_exceeds_the_bound_of_noise_about_once_in_a_thousand_times() -> None:
    beyond = 0
    for seed in range(400):
        index, bins = stability_index(prices(250, seed=seed), prices(250, seed=10_000 + seed))
        beyond += index > noise(bins, 250, 250)
    assert beyond <= 4


def test_the_bins_may_be_given() -> None:
    draw = np.random.default_rng(0)
    before, since = draw.random(4_000), draw.random(4_000)
    tenths = np.linspace(0, 1, 11)[1:-1]

    assert between(before, since, tenths) < noise(10, 4_000, 4_000)
    assert between(before, since / 2, tenths) > 1
    assert between(before, before, tenths) == 0
