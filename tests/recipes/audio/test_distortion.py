"""Distorted windows stay as long, keep what is said in them, and depend on the generator alone."""

from __future__ import annotations

import numpy as np

from assay.recipes.audio.distortion import Distortion
from assay.recipes.audio.spectrum import BANDS
from tests.recipes.audio.spoken import SPECTRUM, windows

HEARD, _ = windows(6, 4)
POWER = SPECTRUM.power(HEARD)


def distortion(seed: int) -> Distortion:
    return Distortion(spectrum=SPECTRUM, draw=np.random.default_rng(seed))


def test_the_same_generator_gives_the_same_and_another_gives_others() -> None:
    first, again, other = (distortion(seed).heard(POWER, 1.0) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_tempos_differ_and_frames_stay_an_even_number() -> None:
    draw = distortion(3)
    found = {draw.heard(POWER, 1.0).shape for _ in range(12)}
    assert {(rows, bands) for rows, bands, _ in found} == {(6, BANDS)}
    lengths = {frames for _, _, frames in found}
    assert len(lengths) > 4
    assert all(frames % 2 == 0 and 78 <= frames <= 108 for frames in lengths)


def test_what_is_hardly_distorted_sounds_alike() -> None:
    plain = SPECTRUM.transform(HEARD)
    near = np.corrcoef(plain.ravel(), distortion(5).heard(POWER, 0.0).ravel())[0, 1]
    assert near > 0.6
    assert np.isfinite(distortion(6).heard(POWER, 1.0)).all()
    assert np.isfinite(distortion(6).heard(np.zeros_like(POWER), 1.0)).all()
