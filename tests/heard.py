"""A tiny application that hears tones: recordings are made by the test, and two recipes find the notes in each second."""

from __future__ import annotations

import shutil
import tempfile
import wave
from atexit import register
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from assay.app import Assay
from assay.domain.question.contract import Contract, Target
from assay.domain.question.field import Field

RATE = 8_000
NOTES = {"low": 400.0, "middle": 1_000.0, "high": 2_500.0}  # Hz
LABELS = tuple(NOTES)

MODEL = '''"""Which notes sound in each second?"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

import assay

NOTES = {"low": 400.0, "middle": 1_000.0, "high": 2_500.0}


class Recording(assay.Input):
    """A recording of tones."""

    audio: str = assay.Audio(rate=8_000, margin_s=0.0, longest_s=600)


class Tones(BaseEstimator):
    """The share of a second's power that lies at each note, times a gain that stands for having learnt."""

    def __init__(self, gain: float = 2.0) -> None:
        self.gain = gain

    def fit(self, heard: Any, truth: Any) -> "Tones":
        """Learns nothing but how many labels there are."""
        self.labels_ = truth.shape[1]
        return self

    def predict_proba(self, heard: Any) -> Any:
        """float64 [seconds, labels]."""
        waves = self._waves(heard.shape[1])
        power = np.square(heard.astype(np.float64)).sum(axis=1) + 1e-6
        found = [
            sum(np.square((heard.astype(np.float64) * one).sum(axis=1)) for one in pair) for pair in waves
        ]
        return np.clip(self.gain * np.stack(found, axis=1) / (power[:, None] * heard.shape[1] / 2), 0, 1)

    def _waves(self, samples: int) -> list[tuple[Any, Any]]:
        at = 2 * np.pi * np.arange(samples) / 8_000
        return [(np.sin(note * at), np.cos(note * at)) for note in NOTES.values()]


class Drawn(Tones):
    """The same, with a graph of its own in which every second is summed by itself."""

    def onnx_graph(self, contract: Any) -> Any:
        """float32 [n, samples] in, float32 [n, labels] out."""
        from onnx import TensorProto, helper, numpy_helper

        samples, names = contract.fields["audio"].samples, []
        nodes, kept = [], []

        def constant(value: Any, name: str) -> str:
            kept.append(numpy_helper.from_array(np.asarray(value), name))
            return name

        def node(kind: str, inputs: list[str], output: str, **told: Any) -> str:
            nodes.append(helper.make_node(kind, inputs, [output], **told))
            return output

        axis = constant(np.array([1], np.int64), "axis")
        wide = node("Cast", ["audio"], "wide", to=TensorProto.DOUBLE)
        power = node("ReduceSum", [node("Mul", [wide, wide], "squares"), axis], "sum", keepdims=1)
        power = node("Add", [power, constant(np.float64(1e-6), "little")], "power")
        scale = node("Mul", [power, constant(np.float64(samples / 2 / self.gain), "half")], "scale")
        for place, pair in enumerate(self._waves(samples)):
            parts = []
            for which, one in enumerate(pair):
                name = f"{place}_{which}"
                product = node("Mul", [wide, constant(one.reshape(1, -1), f"wave_{name}")], f"product_{name}")
                total = node("ReduceSum", [product, axis], f"total_{name}", keepdims=1)
                parts.append(node("Mul", [total, total], f"square_{name}"))
            names.append(node("Div", [node("Add", parts, f"energy_{place}"), scale], f"share_{place}"))
        joined = node("Concat", names, "joined", axis=1)
        clipped = node("Clip", [joined, constant(np.float64(0), "zero"), constant(np.float64(1), "one")], "clipped")
        node("Cast", [clipped], "confidences", to=TensorProto.FLOAT)
        asked = helper.make_tensor_value_info("audio", TensorProto.FLOAT, [None, samples])
        told = helper.make_tensor_value_info("confidences", TensorProto.FLOAT, [None, len(NOTES)])
        graph = helper.make_graph(nodes, "tones", [asked], [told], kept)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


notes = assay.Model(
    "notes", input=Recording, target="utterances", labels=tuple(NOTES), metric="average_precision", trusted=(Tones, Drawn),
    test_size=0.25,
)
files = assay.Items("files", models=(notes,))


@notes.recipe
def drawn() -> Any:
    """Answers by a graph in the serving process."""
    return Drawn()


@notes.recipe
def plain() -> Any:
    """Answers by itself, in a process of its own."""
    return Tones(gain=1.5)
'''

FIELD = Field(kind="audio", rate=RATE, longest_s=600)
CONTRACT = Contract(
    model="notes", fields={"audio": FIELD}, target=Target(name="utterances", labels=LABELS), metric="average_precision"
)
DRAWN, PLAIN = 1, 2  # the versions, in the order of the recipes


def tones(seconds: Sequence[str | None], *, rate: int = RATE, loud: float = 0.5, seed: int = 0) -> Any:
    """int16 [n]: one second of each note, or of faint noise where there is none."""
    draw = np.random.default_rng(seed)
    at = np.arange(rate) / rate
    parts = [
        draw.normal(0, 0.002, rate) if note is None else loud * np.sin(2 * np.pi * NOTES[note] * at) for note in seconds
    ]
    return (np.concatenate(parts) * 32_767).astype("<i2") if parts else np.empty(0, "<i2")


def write_wave(file: Path, samples: Any, *, rate: int = RATE, channels: int = 1) -> Path:
    """A WAV file of these int16 values."""
    with wave.open(str(file), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())
    return file


def record(file: Path, seconds: Sequence[str | None], *, seed: int = 0) -> Path:
    """A recording of one second of each note."""
    return write_wave(file, tones(seconds, seed=seed))


def write_recordings(folder: Path, count: int = 12, seconds: int = 4, *, seed: int = 3) -> Path:
    """A folder of `count` recordings, each note of which stands in its utterances.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(seed)
    lines = ["file,utterance,start_s,end_s"]
    for place in range(count):
        heard = [LABELS[one] if one < len(LABELS) else None for one in draw.integers(0, len(LABELS) + 1, seconds)]
        record(folder / f"tone_{place:02d}.wav", heard, seed=place)
        lines += [f"tone_{place:02d}.wav,{note},{at}.1,{at}.9" for at, note in enumerate(heard) if note]
    (folder / "utterances.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write(folder: Path) -> Path:
    """The application's files in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(MODEL, encoding="utf-8")
    return folder


@cache
def application() -> Path:
    """The folder of the application, with a trained home in `.assay` and recordings in `sound`; leave it as it is."""
    folder = Path(tempfile.mkdtemp(prefix="assay-heard-"))
    register(shutil.rmtree, folder, ignore_errors=True)
    assay = Assay.at(write(folder))
    try:
        assay.train(assay.application.model(None), write_recordings(folder / "sound"))
    finally:
        assay.close()
    return folder


@contextmanager
def opened(home: Path, **told: Any) -> Iterator[Assay]:
    """The trained application with a copy of its home in this folder."""
    folder = application()
    shutil.copytree(folder / ".assay", home)
    assay = Assay.at(folder, home=home, **told)
    try:
        yield assay
    finally:
        assay.close()
