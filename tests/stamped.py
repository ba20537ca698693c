"""Versions of an application that hears tones whose answers say which version gave them, and of which recording."""

from __future__ import annotations

import hashlib
import io
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
from onnx import TensorProto, helper, numpy_helper

from assay.app import Assay
from assay.clock import new_ids, now_us
from assay.domain.answer import DECIMALS
from assay.domain.dataset import Dataset
from assay.domain.items.item import Item, Sound
from assay.domain.question.contract import Contract
from assay.domain.releases.rollout import Rollout
from assay.domain.version import Manifest, Version
from assay.releasing.register import Parts, Registrar
from assay.serving.engines.compiled import GraphEngine
from assay.store.items import items
from tests import rows

APPLICATION = Path(__file__).parent / "promises" / "sounds_app"
RATE = 8_000
COLLECTION, MODEL = "files", "notes"
STEP = 1 / 1024  # exact in a float32, as every stamp is
VERSIONS = 3
BAD = 4  # the version that follows them, whose confidences go beyond 1 where it is loud
LOUD = 100  # a place of which the bad version says so


def stamp(number: int) -> float:
    """What a version says of the first label in every second."""
    return number * STEP


def loudness(place: int) -> float:
    """How loud a recording is, and so what every version says of the second label; nearly."""
    return (place % 900 + 50) / 1000


def plant(assay: Assay, number: int, *, bad: bool = False) -> Version:
    """A registered version that stamps with this number; `bad`, one whose confidences go beyond 1 where it is loud.

    It is asked for its golden answers here, as no version of a test's own can harm this process.
    """
    contract = assay.application.model(MODEL).contract
    digest, graph = assay.artifacts.put(recording(1, 2)), _graph(contract, stamp(number), 10.0 if bad else 1.0)
    parts = Parts(
        contract=contract, pipeline=None, graph=graph, rows=None, engine_note="planted", questions=[{"audio": digest}]
    )
    id = hashlib.sha256(f"{number}{bad}".encode()).hexdigest()
    dataset = Dataset(id=id, model=MODEL, created_at=now_us(), source="a test", rows=1, removed=0, columns={})
    draft = rows.version(model=MODEL, recipe="planted", dataset=id, manifest=None, metrics={}, segments={})

    def answer(_: Manifest, __: list[dict[str, Any]]) -> list[float]:
        heard = assay.sounds.windows(digest, contract.fields["audio"])
        return [round(float(one), DECIMALS) for one in GraphEngine(graph, contract).run({"audio": heard}).reshape(-1)]

    made = Registrar(assay.database, assay.artifacts, verify=lambda _: None, answer=answer).register(
        draft, parts, dataset
    )
    assert made.status == "ready", made.error
    return made


@cache
def application() -> Path:
    """The folder of the application, with a home that holds all versions and nothing else; made once a process."""
    folder = Path(tempfile.mkdtemp(prefix="assay-stamped-"))
    register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copy(APPLICATION / "model.py", folder)
    assay = Assay.at(folder)
    try:
        for number in range(1, BAD + 1):
            plant(assay, number, bad=number == BAD)
    finally:
        assay.close()
    return folder


@contextmanager
def opened(home: Path, **told: Any) -> Iterator[Assay]:
    """The application with a copy of that home in this folder."""
    folder = application()
    shutil.copytree(folder / ".assay", home)
    assay = Assay.at(folder, home=home, **told)
    try:
        yield assay
    finally:
        assay.close()


def rule(assay: Assay, version: int, **told: Any) -> Rollout:
    """From now on this version answers."""
    return assay.rollouts.append(rows.rollout(version, model=MODEL, **told))


class Noted:
    """A report that is remembered."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int, int]] = []
        self.lines: list[str] = []

    def at(self, stage: str, done: int, total: int) -> None:
        """How far it is."""
        self.stages.append((stage, done, total))

    def say(self, line: str) -> None:
        """One more line."""
        self.lines.append(line)


def recording(place: int, seconds: int) -> bytes:
    """A WAV file of a constant loudness, unlike that of any other place."""
    samples = np.full(seconds * RATE, round(loudness(place) * 32767), "<i2")
    samples[0] = place % 32_000
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return out.getvalue()


def keep(assay: Assay, places: Sequence[int], *, seconds: int = 2, bytes_too: bool = True) -> list[Item]:
    """Items named after their places, straight into the store; another one under a name replaces what was there."""
    made = []
    for id, place in zip(new_ids(len(places)), places, strict=True):
        data = recording(place, seconds)
        digest = assay.artifacts.put(data) if bytes_too else hashlib.sha256(data).hexdigest()
        sound = Sound(format="wav", rate=RATE, channels=1, frames=seconds * RATE)
        made.append(
            Item(
                id=id, at=now_us(), collection=COLLECTION, name=name(place), digest=digest, size=len(data), sound=sound
            )
        )
    with assay.database.writing() as connection:
        return [items.add(connection, one)[0] for one in made]


def name(place: int) -> str:
    """What the item of a place is called."""
    return f"tone_{place:05d}.wav"


def _graph(contract: Contract, first: float, gain: float) -> bytes:
    """The stamp, the mean loudness of the second, and half of it."""
    samples = contract.fields["audio"].samples
    kept = [
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
        numpy_helper.from_array(np.array([[0, gain, 0.5]], np.float32), "weights"),
        numpy_helper.from_array(np.array([first, 0, 0], np.float32), "bias"),
        numpy_helper.from_array(np.array(samples, np.float32), "samples"),
    ]
    nodes = [
        helper.make_node("Abs", ["audio"], ["loud"]),
        helper.make_node("ReduceSum", ["loud", "axis"], ["sum"], keepdims=1),
        helper.make_node("Div", ["sum", "samples"], ["mean"]),
        helper.make_node("Mul", ["mean", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["confidences"]),
    ]
    asked = helper.make_tensor_value_info("audio", TensorProto.FLOAT, [None, samples])
    told = helper.make_tensor_value_info("confidences", TensorProto.FLOAT, [None, 3])
    graph: Any = helper.make_graph(nodes, "stamp", [asked], [told], kept)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    data: bytes = made.SerializeToString(deterministic=True)
    return data
