"""The speech that is shipped is what its program makes, and every word in it is where the table says."""

from __future__ import annotations

import csv
import runpy
import shutil
import subprocess
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

HERE = Path(__file__).parent
MADE: dict[str, Any] = runpy.run_path(str(HERE / "make_speech.py"))
SETS = {one.folder: one for one in MADE["SETS"]}
MOST_BYTES = 2_500_000


def words_of(folder: str) -> dict[str, list[tuple[str, float, float]]]:
    """What is said in each file, and when."""
    found: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    with (HERE / folder / "utterances.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            found[row["file"]].append((row["utterance"], float(row["start_s"]), float(row["end_s"])))
    return found


@pytest.mark.parametrize("folder", SETS)
def test_a_set_is_whole_and_each_word_is_loud_where_the_table_says(folder: str) -> None:
    said = words_of(folder)
    assert sorted(said) == sorted(file.name for file in (HERE / folder).glob("*.flac"))
    assert len(said) == SETS[folder].recordings
    counts = Counter(word for words in said.values() for word, _, _ in words)
    assert set(counts) == set(MADE["WORDS"])
    assert min(counts.values()) * 3 > max(counts.values())
    for file, words in said.items():
        samples, rate = soundfile.read(HERE / folder / file, dtype="float32")
        assert (rate, samples.ndim) == (8_000, 1)
        assert 8 <= len(samples) / rate <= 16
        aside = np.ones(len(samples), bool)
        for _, start, end in words:
            spoken = slice(round(start * rate), round(end * rate))
            assert aside[spoken].all()  # no two words at once
            aside[spoken] = False
        for _, start, end in words:
            power = np.square(samples[round(start * rate) : round(end * rate)]).mean()
            assert power > 10 * np.square(samples[aside]).mean()


def test_the_control_set_has_other_voices_and_both_are_small() -> None:
    assert not set(SETS["speech"].variants) & set(SETS["control"].variants)
    assert sum(file.stat().st_size for folder in SETS for file in (HERE / folder).iterdir()) < MOST_BYTES


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
@pytest.mark.parametrize("folder", SETS)
def test_the_program_makes_the_same_again(folder: str) -> None:
    version = subprocess.run(["espeak-ng", "--version"], capture_output=True, text=True, check=True).stdout
    if f" {MADE['MADE_WITH']} " not in version:
        pytest.skip(f"the speech was made with espeak-ng {MADE['MADE_WITH']}")
    file, samples, words = MADE["recording"](SETS[folder], 3)
    kept, _ = soundfile.read(HERE / folder / file, dtype="float32")
    assert kept.shape == samples.shape
    # another processor may round a sample to the next step
    assert np.abs(kept - samples).max() <= MADE["STEP"] * 1.01
    assert [(word, round(start, 3), round(end, 3)) for word, start, end in words] == words_of(folder)[file]
