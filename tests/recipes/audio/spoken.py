"""Words that are no words: short sounds, told apart by their pitches, in noise; made in a moment."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.domain.question.contract import Contract, Target
from assay.domain.question.field import Audio
from assay.recipes.audio.spectrum import Spectrum

RATE = 8_000
FIELD = Audio(rate=RATE, margin_s=0.25)
LABELS = ("rising", "falling", "level")
PITCHES = {
    "rising": (400, 1_200),
    "falling": (2_400, 900),
    "level": (1_800, 1_800),
}  # Hz, from the beginning to the end
SPECTRUM = Spectrum(rate=RATE, margin_s=0.25)
CONTRACT = Contract(
    model="sounds", fields={"sound": FIELD}, target=Target(name="utterances", labels=LABELS), metric="average_precision"
)


def windows(count: int, seed: int) -> tuple[Any, Any]:
    """float32 [count, samples] and bool [count, labels]; one in three holds nothing but noise."""
    draw = np.random.default_rng(seed)
    heard = draw.normal(0, 0.002, (count, SPECTRUM.samples))
    truth = np.zeros((count, len(LABELS)), bool)
    for row in range(count):
        label = int(draw.integers(-1, len(LABELS)))
        if label < 0:
            continue
        truth[row, label] = True
        sound = word(LABELS[label], draw)
        start = int((0.25 + draw.uniform(0.05, 0.95)) * RATE) - len(sound) // 2
        heard[row, start : start + len(sound)] += sound
    return heard.clip(-1, 1).astype(np.float32), truth


def word(label: str, draw: np.random.Generator) -> Any:
    """float64 [n]: one word of about a third of a second."""
    length = int(draw.uniform(0.25, 0.4) * RATE)
    low, high = PITCHES[label]
    pitch = np.linspace(low, high, length) * draw.uniform(0.9, 1.1)
    return np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * np.hanning(length) * draw.uniform(0.1, 0.6)
