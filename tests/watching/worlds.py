"""Labelled recordings as they are, and versions that answer them: honest ones of many kinds, and broken ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.watching.answers import Answers, Evidence

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
Make = Callable[["World", int], np.ndarray]
CONFUSED = {5: 9, 9: 5, 2: 3, 1: 9}  # words that sound alike: where the one is said, the other sounds a little, too


@dataclass(frozen=True)
class World:
    """Recordings with the words in each of their seconds, and how they sound: `heard` float [n, words], the same for all.

    About half of the seconds are silent, and few hold two words; some recordings are harder to understand than others.
    """

    units: np.ndarray
    truth: np.ndarray
    heard: np.ndarray
    hard: np.ndarray
    prior: float

    @classmethod
    def drawn(cls, seed: int, recordings: int = 60, seconds: int = 8) -> World:
        draw = np.random.default_rng(seed)
        lengths = draw.integers(max(1, seconds // 2), seconds + seconds // 2 + 1, recordings)
        units = np.repeat(np.arange(recordings), lengths)
        count = len(units)
        truth = np.zeros((count, len(WORDS)), np.bool_)
        said = draw.random(count)
        truth[np.arange(count)[said < 0.5], draw.integers(0, len(WORDS), count)[said < 0.5]] = True
        truth[np.arange(count)[said < 0.06], draw.integers(0, len(WORDS), count)[said < 0.06]] = True
        return cls(units, truth, draw.normal(0, 1, truth.shape), draw.normal(0, 0.5, recordings)[units, None], 0.053)

    def version(self, seed: int, strength: float = 4.0) -> np.ndarray:
        """Calibrated confidences of a version that was trained with this seed; `strength` is how far apart words are to it."""
        draw = np.random.default_rng([seed, 1])
        noise = np.sqrt(0.6) * self.heard + np.sqrt(0.4) * draw.normal(0, 1, self.truth.shape)
        sound = self.truth * 1.0
        for one, other in CONFUSED.items():
            sound[:, other] = np.maximum(sound[:, other], 0.35 * self.truth[:, one])
        score = sound * (strength + self.hard) + noise
        logit = strength * score - strength**2 / 2 + np.log(self.prior / (1 - self.prior))
        return np.asarray(1 / (1 + np.exp(-logit / 1.15)))

    def speech(self, seed: int) -> np.ndarray:
        """float [n, 1]: how sure a version is that anything is said."""
        draw = np.random.default_rng([seed, 2])
        logit = 8 * self.truth.any(axis=1) - 4 + draw.normal(0, 1.0, len(self.truth))
        return np.asarray(1 / (1 + np.exp(-logit)))[:, None]

    def evidence(self, mine: np.ndarray, theirs: np.ndarray | None = None, **told: Any) -> Evidence:
        """The evidence on two versions of these confidences, each as fast as the other."""
        fast = [2.0] * 20
        mine_told = {"took_ms": fast} | told
        return Evidence(
            labels=WORDS, threshold=0.5, names=tuple(f"r{place:03}.flac" for place in range(int(self.units.max()) + 1)),
            units=self.units, truth=self.truth, mine=Answers(version=2, told=mine.astype(np.float32), **mine_told),
            theirs=None if theirs is None else Answers(version=1, told=theirs.astype(np.float32), took_ms=fast),
        )  # fmt: skip


def odds(confidences: np.ndarray, factor: float = 1.0, add: float = 0.0) -> np.ndarray:
    """The confidences with their log odds multiplied and moved."""
    logit = np.log(np.clip(confidences, 1e-9, 1 - 1e-9)) - np.log1p(-np.clip(confidences, 1e-9, 1 - 1e-9))
    return np.asarray(1 / (1 + np.exp(-(factor * logit + add))))


HONEST: dict[str, Make] = {
    "another seed": lambda world, seed: world.version(seed),
    "a little better": lambda world, seed: world.version(seed, 4.4),
    "too sure": lambda world, seed: odds(world.version(seed), 1.6),
    "not sure enough": lambda world, seed: 0.03 + 0.9 * odds(world.version(seed), 0.8),
    "learnt with weights": lambda world, seed: odds(world.version(seed), add=1.0),
}


def swapped(confidences: np.ndarray, one: int = 3, other: int = 6) -> np.ndarray:
    found = confidences.copy()
    found[:, [one, other]] = confidences[:, [other, one]]
    return found


def shuffled(confidences: np.ndarray) -> np.ndarray:
    return confidences[:, np.roll(np.arange(len(WORDS)), 1)]


def silenced(world: World, seed: int) -> np.ndarray:
    draw = np.random.default_rng([seed, 3])
    return np.clip(1 - world.speech(seed) + draw.normal(0, 0.02, world.truth.shape), 0, 1)


def speaking(world: World, seed: int) -> np.ndarray:
    draw = np.random.default_rng([seed, 3])
    return np.clip(world.speech(seed) + draw.normal(0, 0.02, world.truth.shape), 0, 1)


def speaking_rarely(world: World, seed: int) -> np.ndarray:
    """Follows speech as well, but says what is right in the mean."""
    return speaking(world, seed) * 0.1


ONLY_AGAINST = ("per_label", "average_precision")  # faults that only the version before tells
# what is planted, and the check that must name it
BROKEN: dict[str, tuple[str, Make]] = {
    "a silence detector": ("silence", silenced),
    "a speech detector": ("silence", speaking),
    "a calibrated speech detector": ("silence", speaking_rarely),
    "a constant": ("silence", lambda world, seed: np.full(world.truth.shape, 0.07)),
    "always sure": ("silence", lambda world, seed: np.ones(world.truth.shape)),
    "chance": ("silence", lambda world, seed: np.random.default_rng([seed, 4]).random(world.truth.shape)),
    "two labels swapped": ("labels", lambda world, seed: swapped(world.version(seed))),
    "all labels shifted": ("labels", lambda world, seed: shuffled(world.version(seed))),
    "half the confidences": ("scale", lambda world, seed: world.version(seed) / 2),
    "half the confidences of one too sure": ("scale", lambda world, seed: odds(world.version(seed), 1.6) / 2),
    "log odds moved up": ("scale", lambda world, seed: odds(world.version(seed), add=7.0)),
    "a label forgotten": ("per_label", lambda world, seed: world.version(seed) * (np.arange(len(WORDS)) != 7)),
    "learnt far less": ("average_precision", lambda world, seed: world.version(seed, 2.2)),
}
