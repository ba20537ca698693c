"""Recordings as they might have been: other throats, microphones, rooms and tempos, drawn from a generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.recipes.audio.operations import Arrays, Floats
from assay.recipes.audio.spectrum import BANDS, EMPTY, Spectrum, bank, told

THROATS = 12  # different ones at a time
STRETCH = 0.09  # how far their frequencies are off, usually
TEMPO = 0.15
COLOUR = 0.5  # of a microphone: powers of ten from one end of the pitches to the other
NOISE_DB = (-60.0, -25.0)  # below the loudest frame
GONE = 0.5  # how often some bands, or some frames, are not heard at all
BANDS_GONE, FRAMES_GONE = 4, 7


@dataclass(frozen=True, kw_only=True)
class Distortion:
    """Draws other versions of the same windows. `strength` from 0 to 1 is how unlike they may become."""

    spectrum: Spectrum
    draw: np.random.Generator

    def heard(self, power: Floats, strength: float) -> Floats:
        """float32 [n, bands, frames'] of relative power [n, pitches, frames] (see Spectrum.power).

        A tempo is common to all windows: they stay equally long, and the second stays the same share of them.
        """
        changed = self._in_a_room(power, strength)
        rows = len(power)
        whose = self.draw.integers(0, THROATS, rows)
        found = np.empty((rows, BANDS, power.shape[2]), np.float32)
        for one in range(THROATS):
            stretch = float(np.exp(strength * self.draw.normal(0, STRETCH)))
            mine = whose == one
            if mine.any():
                bands = bank(self.spectrum.rate, self.spectrum.frame, stretch) @ changed[mine]
                found[mine] = told(Arrays(), bands[:, None])[:, 0]
        return self._with_gaps(self._in_tempo(found, strength))

    def _in_a_room(self, power: Floats, strength: float) -> Floats:
        rows, pitches, frames = power.shape
        place = np.linspace(0, 1, pitches)
        waves = np.stack([np.cos(turns * np.pi * place) for turns in (1, 2, 4)])
        colour = self.draw.normal(0, [1.0, 1.0, 0.7], (rows, 3)) @ waves
        level = self.draw.uniform(*NOISE_DB, (rows, 1)) / 10 + self.draw.normal(0, 0.4, (rows, 1)) * waves[0]
        noise = self.draw.exponential(1, (1, pitches, frames)).astype(np.float32)
        gain = (10 ** (strength * COLOUR * colour))[:, :, None].astype(np.float32)
        heard: Floats = power * gain + (10**level)[:, :, None].astype(np.float32) * noise
        return heard

    def _in_tempo(self, heard: Floats, strength: float) -> Floats:
        frames = heard.shape[2]
        wanted = round(frames * np.exp(strength * self.draw.uniform(-TEMPO, TEMPO)) / 2) * 2
        place = (np.arange(wanted) + 0.5) * (frames / wanted) - 0.5
        before = np.clip(place.astype(int), 0, frames - 2)
        share = np.clip(place - before, 0, 1).astype(np.float32)
        return np.asarray(heard[:, :, before] * (1 - share) + heard[:, :, before + 1] * share, np.float32)

    def _with_gaps(self, heard: Floats) -> Floats:
        rows, bands, frames = heard.shape
        for row in range(rows):
            if self.draw.random() < GONE:
                band = self.draw.integers(0, bands - BANDS_GONE)
                heard[row, band : band + self.draw.integers(0, BANDS_GONE)] = self.draw.uniform(-1, 0.5)
            if self.draw.random() < GONE:
                frame = self.draw.integers(0, max(frames - FRAMES_GONE, 1))
                heard[row, :, frame : frame + self.draw.integers(0, FRAMES_GONE)] = EMPTY / 2
        return heard
