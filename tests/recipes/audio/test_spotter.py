"""A second has what its surest moment has, unless a moment beyond its border is surer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assay.recipes.audio.operations import Floats
from assay.recipes.audio.spectrum import Spectrum
from assay.recipes.audio.spotter import Spotter, calibrated, parts, powers, within
from tests.recipes.audio.spoken import CONTRACT, RATE, SPECTRUM, windows

MOMENTS = SPECTRUM.frames // 2


class Loud(Spotter):
    """Is sure of its only label where the lowest band is loud."""

    def __init__(self, rate: int, margin_s: float) -> None:
        self.rate = rate
        self.margin_s = margin_s
        self.labels_ = 1
        self.weights_ = {"scale": np.array([4.0, -2.0, -2.0, -1.0], np.float32)}

    def moments(self, on: Any, heard: Any) -> Any:
        lowest = on.cut(on.pool(heard, (1, 2), mean=True), 2, 0, 1)
        return on.conv(lowest, np.ones((self.places, 1, 1, 1), np.float32))


def test_moments_are_within_a_second_or_before_or_after_it() -> None:
    inside = within(SPECTRUM, MOMENTS)
    middle = SPECTRUM.centres(MOMENTS)
    assert middle[inside].min() >= 0
    assert middle[inside].max() < 1
    (begin, end), before, after = parts(SPECTRUM, MOMENTS)
    assert (before, after) == ((0, begin), (end, MOMENTS))
    assert inside[begin:end].all()
    assert parts(Spectrum(rate=RATE, margin_s=0.0), 30) == [(0, 30)]


def test_a_sound_counts_where_its_middle_is() -> None:
    made = Loud(RATE, 0.25)
    at = np.arange(SPECTRUM.samples)
    for middle, expected in ((0.5, True), (0.1, True), (-0.12, False), (1.12, False)):
        near = np.exp(-(((at / RATE - 0.25 - middle) / 0.05) ** 2))
        heard = (near * np.sin(2 * np.pi * 100 * at / RATE)).astype(np.float32)[None]
        assert bool(made.predict_proba(heard)[0, 0] > 0.5) is expected


def test_no_rows_have_no_answers_and_others_are_asked_a_few_at_a_time() -> None:
    made = Loud(RATE, 0.25)
    assert made.predict_proba(np.empty((0, SPECTRUM.samples), np.float32)).shape == (0, 1)
    heard = windows(150, 1)[0]
    told = made.predict_proba(heard)
    assert told.dtype == np.float32
    assert told[100:] == pytest.approx(made.predict_proba(heard[100:]), abs=1e-6)
    assert made.onnx_graph(CONTRACT).graph.input[0].name == "sound"


def test_a_scale_makes_shares_of_what_is_told() -> None:
    draw = np.random.default_rng(0)
    told = draw.normal(0, 3, (4_000, 2, 3)).astype(np.float32)
    odds = 0.5 * told[..., 0] - 0.25 * told[..., 1] - 1
    truth = draw.random((4_000, 2)) < 1 / (1 + np.exp(-odds))
    assert calibrated(told, truth) == pytest.approx([0.5, -0.25, 0, -1], abs=0.08)


def test_a_scale_is_found_of_anything() -> None:
    for truth in (np.zeros((3, 2), bool), np.ones((3, 2), bool)):
        told: Floats = np.full((3, 2, 1), 7, np.float32)
        assert np.isfinite(calibrated(told, truth)).all()


def test_power_is_computed_a_few_rows_at_a_time() -> None:
    heard = windows(70, 1)[0]
    assert powers(SPECTRUM, heard)[64:] == pytest.approx(SPECTRUM.power(heard[64:]), rel=1e-4, abs=1e-6)
