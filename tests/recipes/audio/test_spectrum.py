"""A spectrum tells where the power lies, whatever the loudness, and a graph hears the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assay.recipes.audio.drawing import ABREAST, drawn
from assay.recipes.audio.spectrum import BANDS, EMPTY, bank
from assay.serving.engines.runtime import onnx_runtime
from tests.recipes.audio.spoken import RATE, SPECTRUM, windows

AT = np.arange(SPECTRUM.samples) / RATE


def tone(hertz: float, loud: float = 0.5) -> Any:
    """float32 [1, samples]."""
    return (loud * np.sin(2 * np.pi * hertz * AT)).astype(np.float32)[None]


def test_a_window_is_a_second_with_its_margins_in_frames_that_fit() -> None:
    assert (SPECTRUM.samples, SPECTRUM.frame, SPECTRUM.hop, SPECTRUM.frames) == (12_000, 256, 128, 92)
    assert SPECTRUM.transform(tone(440)).shape == (1, BANDS, 92)
    middle = SPECTRUM.centres(92)
    assert middle[0] == pytest.approx(-0.25 + 128 / RATE)
    assert np.diff(middle) == pytest.approx(128 / RATE)
    assert SPECTRUM.centres(46)[0] == pytest.approx(middle[:2].mean())


def test_the_band_of_a_tone_is_the_loudest_and_a_full_tone_has_the_power_of_its_amplitude() -> None:
    bands = bank(RATE, 256)
    for hertz in (250.0, 1_000.0, 3_000.0):
        heard = SPECTRUM.transform(tone(hertz))[0].mean(axis=1)
        assert heard.argmax() == bands[:, round(hertz / (RATE / 256))].argmax()
    assert SPECTRUM._waves(_on(), tone(1_000, 1.0)[:, None, None, :])[0, :, 0].sum(axis=0) == pytest.approx(
        1.5, abs=0.01
    )


def test_loudness_does_not_matter_and_silence_is_empty() -> None:
    loud, quiet = SPECTRUM.transform(tone(700, 0.8)), SPECTRUM.transform(tone(700, 0.08))
    assert np.abs(loud - quiet).max() < 0.01
    silent = SPECTRUM.transform(np.zeros((1, SPECTRUM.samples), np.float32))
    assert silent == pytest.approx(np.full_like(silent, EMPTY), abs=1e-6)


def test_each_band_weighs_as_much_as_every_other_and_a_shorter_throat_sounds_higher() -> None:
    for rate, frame in ((8_000, 256), (16_000, 512), (4_000, 128), (44_100, 1_412)):
        for stretch in (0.7, 1.0, 1.4):
            found = bank(rate, frame, stretch)
            assert found.shape == (BANDS, frame // 2)
            assert found.sum(axis=1) == pytest.approx(np.ones(BANDS), abs=1e-5)
    pitch = np.arange(128)
    assert (bank(RATE, 256, 1.2) @ pitch > bank(RATE, 256) @ pitch).all()


def test_a_graph_hears_the_same_and_in_every_batch() -> None:
    heard = np.concatenate([windows(20, 1)[0], np.zeros((1, SPECTRUM.samples), np.float32), tone(60, 1.0)])
    size = BANDS * SPECTRUM.frames
    assert size % ABREAST == 0

    def draw(on: Any, given: str) -> str:
        made: str = on.sheet.add("Reshape", SPECTRUM.draw(on, given), on.sheet.integers(-1, size, 1, 1))
        return made

    options = onnx_runtime().SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    graph = drawn("sound", SPECTRUM.samples, size, draw).SerializeToString()
    session = onnx_runtime().InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    told = session.run(None, {"sound": heard})[0]
    assert np.abs(told - SPECTRUM.transform(heard).reshape(len(heard), -1)).max() < 1e-5
    alone = np.concatenate([session.run(None, {"sound": one[None]})[0] for one in heard])
    assert alone.tobytes() == told.tobytes()


def test_relative_power_is_what_the_bands_are_made_of() -> None:
    heard, truth = windows(9, 2)
    power = SPECTRUM.power(heard)
    assert power.shape == (9, 128, 92)
    loudest = power.mean(axis=1).max(axis=1)
    assert loudest[truth.any(axis=1)] == pytest.approx(1, abs=0.01)
    assert (loudest[~truth.any(axis=1)] < 0.9).all()


def _on() -> Any:
    from assay.recipes.audio.operations import Arrays

    return Arrays()
