"""What a network hears of a recording: how loud it is in each band of pitch, frame by frame, on a logarithmic scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.recipes.audio.operations import Arrays, Floats, Operations, ValueT

FRAME_S, HOP_S = 0.032, 0.016
BANDS = 32  # a multiple of drawing.ABREAST
LOWEST_HZ, HIGHEST_HZ = 80.0, 7_600.0
HIGHEST_SHARE = 0.975  # of half the rate
# What is added before the logarithm: to the loudest frame's power, full scale being 1 (a room's silence stays silence),
# and to each band's power over that of the loudest frame (45 dB below it nothing is heard, nor any rounding).
SILENCE, FLOOR = 1e-7, 3e-5
SPREAD = 3.0  # by which logarithms are divided, so that most of what is heard is between -2 and 2
EMPTY = float(np.log(FLOOR) / SPREAD + 1)  # what is heard where there is nothing


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """The logarithmic mel spectrum of windows of `samples` samples at `rate` a second, as numbers or as nodes.

    A window is a second with `margin_s` before and after it. A frame lasts 32 ms and begins 16 ms after the one before.
    """

    rate: int
    margin_s: float

    @property
    def samples(self) -> int:
        """The length of a window."""
        return round(self.rate * (1 + 2 * self.margin_s))

    @property
    def frame(self) -> int:
        """The samples of a frame, an even number."""
        return round(self.rate * FRAME_S / 2) * 2

    @property
    def hop(self) -> int:
        """The samples from the beginning of a frame to that of the next."""
        return round(self.rate * HOP_S)

    @property
    def frames(self) -> int:
        """How many frames fit into a window."""
        return (self.samples - self.frame) // self.hop + 1

    def centres(self, count: int) -> NDArray[np.float64]:
        """When `count` parts of equal length, into which all frames are divided, have their middle; 0 begins the second."""
        length = self.frames * self.hop / self.rate
        start = (self.frame - self.hop) / 2 / self.rate - self.margin_s
        return np.asarray((np.arange(count) + 0.5) * (length / count) + start)

    def draw(self, on: Operations[ValueT], given: ValueT) -> ValueT:
        """[n, 1, bands, frames] of windows [n, 1, 1, samples]."""
        bands = bank(self.rate, self.frame)
        both = np.concatenate([bands, bands], axis=1)[:, :, None, None]
        power = on.turn(on.conv(self._waves(on, given), both))
        return told(on, power)

    def transform(self, windows: Floats) -> Floats:
        """float32 [n, bands, frames] of windows float32 [n, samples]."""
        return self.draw(Arrays(), windows[:, None, None, :])[:, 0]

    def power(self, windows: Floats) -> Floats:
        """float32 [n, pitches, frames]: the power of each pitch in each frame, over that of the loudest frame."""
        squares = self._waves(Arrays(), windows[:, None, None, :])[:, :, 0]
        power = squares[:, : self.frame // 2] + squares[:, self.frame // 2 :]
        loudest = power.mean(axis=1, keepdims=True).max(axis=2, keepdims=True)
        return np.asarray(power / (loudest + np.float32(SILENCE)), np.float32)

    def _waves(self, on: Operations[ValueT], given: ValueT) -> ValueT:
        """[n, 2 * pitches, 1, frames]: the squares of the cosine's and of the sine's share, pitch by pitch."""
        time = np.arange(self.frame)
        turns = 2 * np.pi * np.arange(self.frame // 2)[:, None] * time / self.frame
        window = (1 - np.cos(2 * np.pi * time / self.frame)) * (2 / self.frame)  # of Hann; a full-scale sine has 1
        waves = np.concatenate([np.cos(turns), np.sin(turns)]) * window
        found = on.conv(given, waves.astype(np.float32)[:, None, None, :], stride=self.hop)
        return on.times(found, found)


def told(on: Operations[ValueT], power: ValueT) -> ValueT:
    """The logarithm of the power [n, 1, bands, frames], told in relation to the loudest frame."""
    # the runtime's own mean rounds otherwise in a batch of one row
    mean = on.conv(power, np.full((1, 1, BANDS, 1), 1 / BANDS, np.float32))
    loudest = on.scaled(on.highest(mean, 3), 1.0, SILENCE)
    return on.scaled(on.each("Log", on.scaled(on.over(power, loudest), 1.0, FLOOR)), 1 / SPREAD, 1.0)


def bank(rate: int, frame: int, stretch: float = 1.0) -> Floats:
    """float32 [bands, pitches]: triangles on the mel scale, each of which sums to 1.

    `stretch` multiplies all frequencies, as a shorter throat than the usual one does.
    """
    low, high = mel(LOWEST_HZ), mel(min(rate / 2 * HIGHEST_SHARE, HIGHEST_HZ))
    scale = np.linspace(low, high, BANDS + 2)
    edges = np.minimum(700 * (10 ** (scale / 2595) - 1) * stretch, rate / 2) + np.arange(BANDS + 2) * 1e-3
    pitches = np.arange(frame // 2) * (rate / frame)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (pitches - left) / (middle - left), (right - pitches) / (right - middle)
    weights = np.maximum(0, np.minimum(rising, falling))
    for band in np.nonzero(weights.sum(axis=1) < 1e-3)[0]:  # no pitch lies within the triangle
        weights[band, np.abs(pitches - edges[band + 1]).argmin()] = 1
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def mel(hertz: float) -> float:
    """The pitch that listeners hear, on a scale where equal steps sound equal."""
    return float(2595 * np.log10(1 + hertz / 700))
