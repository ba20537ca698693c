"""How well the networks for recordings hear: each speaker of real digits in turn held out, and the speech that is shipped."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from assay.domain.question.contract import Contract, Target
from assay.domain.question.field import Audio
from assay.measures import confidences
from assay.recipes.audio import convolutional, layers
from assay.serving.engines.runtime import onnx_runtime
from assay.sources.audio import utterances
from assay.sources.audio.sounds import Sounds
from assay.training.lesson import timed
from bench.results import Figures, Table, distinct, of_kind
from bench.subject import Subject

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "examples" / "recordings"
DIGITS = Path(os.environ.get("ASSAY_SHARED", ROOT.parent / "shared")) / "data" / "digits"
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FIELD = Audio(rate=8_000, margin_s=0.25)
CONTRACT = Contract(
    model="phrases", fields={"audio": FIELD}, target=Target(name="utterances", labels=WORDS), metric="average_precision"
)
RECIPES = {"layers": layers} | ({"convolutional": convolutional} if find_spec("torch") else {})
THRESHOLD = 0.5
ROUNDS, MINUTE = 20, 60
HEADS = ("average precision", "wrong of (second, word)", "seconds not all right", "log loss", "fit, CPU s")


@dataclass(frozen=True)
class Spoken:
    """Seconds of recordings float32 [n, samples], what is said in them [n, words], and who speaks [n]."""

    heard: NDArray[np.float32]
    truth: NDArray[np.bool_]
    who: NDArray[np.str_]

    def where(self, kept: NDArray[np.bool_]) -> Spoken:
        return Spoken(self.heard[kept], self.truth[kept], self.who[kept])

    def plus(self, other: Spoken) -> Spoken:
        pairs = zip((self.heard, self.truth, self.who), (other.heard, other.truth, other.who), strict=True)
        return Spoken(*(np.concatenate(pair) for pair in pairs))


def spoken(folder: Path) -> Spoken:
    """The labelled recordings of a folder; the speaker is what stands before the first underscore of a file's name."""
    files = sorted(folder.glob("*.flac"))
    table = utterances.read(folder / "utterances.csv", folder.name, frozenset(file.name for file in files))
    sounds = Sounds(Path)
    try:
        heard = [sounds.windows(str(file), FIELD) for file in files]
    finally:
        sounds.close()
    told = [
        msgspec.json.encode([(one.words, one.start_s, one.end_s) for one in table.get(file.name, [])]).decode()
        for file in files
    ]
    truth = [timed(one, WORDS, len(seconds)) for one, seconds in zip(told, heard, strict=True)]
    who = np.repeat([file.stem.split("_")[0] for file in files], [len(one) for one in heard])
    return Spoken(np.concatenate(heard), np.concatenate(truth), who)


def measure(subject: Subject) -> Iterator[Figures]:
    """A row for each recipe and each way of asking it."""
    speech, control = spoken(SHIPPED / "speech"), spoken(SHIPPED / "control")
    digits = spoken(DIGITS) if DIGITS.exists() else None
    for recipe in RECIPES:
        yield from _shipped(recipe, speech, control, digits)
    if digits is None:
        return
    for also, more in (("", None), (" and the shipped speech", speech)):
        for recipe in RECIPES:
            for speaker in sorted(set(digits.who.tolist())):
                learnt = digits.where(digits.who != speaker)
                learnt = learnt if more is None else learnt.plus(more)
                told, _ = _asked(recipe, learnt, digits.where(digits.who == speaker))
                yield {
                    "kind": "speech", "recipe": recipe, "learnt": f"the other three{also}", "judged": speaker, **told,
                }  # fmt: skip


def tables(rows: list[Figures]) -> list[Table]:
    """A line for each set that was judged, one for the mean of the speakers, and the time of a second."""
    found = of_kind(rows, "speech")
    lines = [[one["recipe"], one["learnt"], one["judged"], *_cells([one])] for one in found]
    for recipe in distinct(found, "recipe"):
        for learnt in distinct(of_kind(found, "speech", recipe=recipe), "learnt"):
            mine = of_kind(found, "speech", recipe=recipe, learnt=learnt)
            if learnt.startswith("the other"):
                lines.append([recipe, learnt, f"mean of {len(mine)} speakers", *_cells(mine)])
    took = [
        [one["recipe"], f"{one['ms_alone']:.2f}", f"{one['ms_of_60']:.2f}", f"{one['graph_kb']:.0f}",
         "yes" if one["invariant"] else "NO", f"{one['difference']:.1e}"]
        for one in of_kind(rows, "graph")
    ]  # fmt: skip
    heads = ["recipe", "ms a second, alone", "of a minute", "graph KB", "same in batches", "from arrays, at most"]
    return [
        Table("Digits in each second, threshold 0.5", ["recipe", "learnt from", "judged on", *HEADS], lines),
        Table("ONNX Runtime, one thread, processor time", heads, took),
    ]


def _shipped(recipe: str, speech: Spoken, control: Spoken, digits: Spoken | None) -> Iterator[Figures]:
    told, estimator = _asked(recipe, speech, control)
    yield {"kind": "speech", "recipe": recipe, "learnt": "the shipped speech", "judged": "the control set", **told}
    if digits is not None:
        told |= _figures(digits.truth, estimator.predict_proba(digits.heard))
        yield {"kind": "speech", "recipe": recipe, "learnt": "the shipped speech", "judged": "real digits", **told}
    yield {"kind": "graph", "recipe": recipe, **_graph(estimator, control.heard)}


def _asked(recipe: str, learnt: Spoken, judged: Spoken) -> tuple[Figures, Any]:
    with threadpool_limits(1):
        begun = time.process_time()
        estimator = RECIPES[recipe](FIELD, seed=42).fit(learnt.heard, learnt.truth)
        took = time.process_time() - begun
        return _figures(judged.truth, estimator.predict_proba(judged.heard)) | {"fit_s": took}, estimator


def _figures(truth: NDArray[np.bool_], told: NDArray[np.float32]) -> Figures:
    found = confidences.metrics(truth, told, WORDS, THRESHOLD)
    wrong = float(((told >= THRESHOLD) != truth).mean())
    return {"seconds": len(truth), "wrong": wrong} | {
        name: found[name] for name in ("average_precision", "error", "log_loss")
    }


def _graph(estimator: Any, heard: NDArray[np.float32]) -> Figures:
    model = estimator.onnx_graph(CONTRACT).SerializeToString()
    options = onnx_runtime().SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnx_runtime().InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def told(seconds: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {"audio": seconds})[0])

    def took_ms(seconds: NDArray[np.float32]) -> float:
        times = []
        for _ in range(ROUNDS):
            begun = time.process_time()
            told(seconds)
            times.append((time.process_time() - begun) * 1e3 / len(seconds))
        return statistics.median(times)

    answers = told(heard)
    parts = [np.concatenate([told(heard[at : at + size]) for at in range(0, len(heard), size)]) for size in (1, 7, 64)]
    return {
        "ms_alone": took_ms(heard[:1]), "ms_of_60": took_ms(heard[:MINUTE]), "graph_kb": len(model) / 1024,
        "invariant": all(part.tobytes() == answers.tobytes() for part in parts),
        "difference": float(np.abs(answers - estimator.predict_proba(heard)).max()),
    }  # fmt: skip


def _cells(rows: list[Figures]) -> list[str]:
    def mean(name: str) -> float:
        return statistics.fmean(row[name] for row in rows)

    shares = [f"{mean('wrong'):.2%}", f"{mean('error'):.1%}"]
    return [f"{mean('average_precision'):.3f}", *shares, f"{mean('log_loss'):.3f}", f"{mean('fit_s'):.1f}"]
