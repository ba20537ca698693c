"""Makes the speech that this example ships: spoken digits in many voices, by the program espeak-ng, the same for a seed.

`python examples/recordings/make_speech.py [FOLDER]` writes the sets `speech` (to learn from) and `control` (other voices,
to be judged by), each with an utterances.csv. It needs espeak-ng (Debian's package), soundfile and soxr, and no network.
"""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

HERE = Path(__file__).parent
WORDS = "zero one two three four five six seven eight nine".split()
COLUMNS = ("file", "utterance", "start_s", "end_s")
MADE_WITH = "1.51"  # another espeak-ng may speak a little differently
RATE = 8_000
SPOKEN_RATE = 22_050  # of espeak-ng
STEP = 1 / 1_024  # 11 bits a sample: the rounding is as loud as a quiet room, and a file is a third as long
SECONDS = (8.0, 11.5)
PAUSE_S = (0.08, 0.9)
QUIET = 0.004  # of a word's peak: what is less before and after it is no part of it

ACCENTS = "en-us en-gb en-gb-scotland en-gb-x-rp en-us-nyc en-gb-x-gbcwmd en-029 en-gb-x-gbclan".split()


@dataclass(frozen=True, kw_only=True)
class Set:
    """Some recordings in one folder: how many, in which variants of espeak-ng's voices, drawn from which seed."""

    folder: str
    recordings: int
    seed: int
    variants: tuple[str, ...]


SPEECH = Set(
    folder="speech", recordings=42, seed=1,
    variants=tuple("m1 f2 m3 f1 m7 f4 m2 Annie Alex Andrea Denis Linda Michael Steph Gene Alicia Hugo anika".split()),
)  # fmt: skip
CONTROL = Set(folder="control", recordings=12, seed=2, variants=("m4", "f3", "m5", "f5", "Belinda", "Edward"))
SETS = (SPEECH, CONTROL)


@dataclass(frozen=True, kw_only=True)
class Voice:
    """Who speaks in a recording: espeak-ng's voice, its pitch (0 to 99), its words a minute, and how loud it is."""

    name: str
    pitch: int
    speed: int
    peak: float


def recordings(made: Set) -> Iterator[tuple[str, NDArray[np.float32], list[tuple[str, float, float]]]]:
    """Each recording of a set: its file's name, samples [n] at 8 kHz, and its words with beginning and end in seconds."""
    for place in range(made.recordings):
        yield recording(made, place)


def recording(made: Set, place: int) -> tuple[str, NDArray[np.float32], list[tuple[str, float, float]]]:
    """One recording of a set, which depends on the set's seed and its own place, and on no other recording."""
    draw = np.random.default_rng([made.seed, place])
    variant, accent = made.variants[place % len(made.variants)], ACCENTS[place % len(ACCENTS)]
    voice = Voice(
        name=f"{accent}+{variant}", pitch=int(draw.integers(25, 75)), speed=int(draw.integers(115, 185)),
        peak=float(draw.uniform(0.12, 0.5)),
    )  # fmt: skip
    samples, words = _spoken(voice, draw)
    noise = _noise(len(samples), draw) * voice.peak * 10 ** (draw.uniform(-52, -40) / 20)
    return f"{made.folder}_{place:02d}.flac", _rounded(samples + noise), words


def _spoken(voice: Voice, draw: np.random.Generator) -> tuple[NDArray[np.float64], list[tuple[str, float, float]]]:
    length = round(draw.uniform(*SECONDS) * RATE)
    samples, at = np.zeros(length), round(draw.uniform(*PAUSE_S) * RATE)
    words: list[tuple[str, float, float]] = []
    deck = iter(draw.permutation(WORDS * 3).tolist())
    while True:
        word = next(deck)
        sound = _said(word, voice, int(draw.integers(-6, 7)), int(draw.integers(-15, 16))) * draw.uniform(0.6, 1)
        if at + len(sound) > length:
            return samples, words
        samples[at : at + len(sound)] += sound
        words.append((word, at / RATE, (at + len(sound)) / RATE))
        at += len(sound) + round(draw.uniform(*PAUSE_S) * RATE)


def _said(word: str, voice: Voice, higher: int, faster: int) -> NDArray[np.float64]:
    """One word alone, from its first sound to its last, at 8 kHz; the loudest sample is as loud as the voice."""
    spoken = subprocess.run(
        ["espeak-ng", "-v", voice.name, "-p", str(voice.pitch + higher), "-s", str(voice.speed + faster), "--stdout",
         word],
        check=True, capture_output=True, timeout=30,
    ).stdout  # fmt: skip
    sound = np.frombuffer(spoken[44:], "<i2").astype(np.float64)  # the header's length is not filled in for a pipe
    heard: NDArray[np.float64] = soxr.resample(sound, SPOKEN_RATE, RATE)
    heard *= voice.peak / np.abs(heard).max()
    loud = np.nonzero(np.abs(heard) >= QUIET * voice.peak)[0]
    return heard[loud[0] : loud[-1] + 1]


def _noise(length: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """Noise of a room, whose low sounds are the loudest."""
    white = draw.normal(size=length + 1)
    return white[1:] + draw.uniform(0, 0.9) * white[:-1]


def _rounded(samples: NDArray[np.float64]) -> NDArray[np.float32]:
    return (np.round(samples / STEP).clip(-1 / STEP, 1 / STEP - 1) * STEP).astype(np.float32)


def write(made: Set, root: Path) -> None:
    """Writes a set's recordings as FLAC, and what is said in them, into a folder of its name."""
    folder = root / made.folder
    folder.mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    lines: Any = csv.writer(table, lineterminator="\n")
    lines.writerow(COLUMNS)
    for file, samples, words in recordings(made):
        soundfile.write(folder / file, samples, RATE, subtype="PCM_16")
        lines.writerows((file, word, f"{start:.3f}", f"{end:.3f}") for word, start, end in words)
    (folder / "utterances.csv").write_text(table.getvalue())


if __name__ == "__main__":
    for one in SETS:
        write(one, Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
