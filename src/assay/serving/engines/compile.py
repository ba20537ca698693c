"""Compiles a fitted pipeline to an ONNX graph, and proves on real rows that the graph gives the pipeline's answers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import polars as pl
from numpy.typing import NDArray

from assay.domain.question.contract import Contract
from assay.domain.question.field import Field
from assay.errors import NotCompilable
from assay.serving.engines.graph import graph_of
from assay.serving.engines.runtime import onnx_runtime

TOLERANCE = 1e-5
OF_CONFIDENCES = 1e-4  # what 32-bit layers one after the other may round apart; nobody decides by less
BATCHES = (1, 7, 64)


@dataclass(frozen=True, kw_only=True)
class Proof:
    """How well a graph agrees with its pipeline over `rows` rows: the largest difference, the strictest one allowed.

    `batch_invariant` says whether each row has the same answer, bit for bit, alone, in small batches and among all.
    """

    rows: int
    max_difference: float
    tolerance: float
    batch_invariant: bool


def compile_pipeline(estimator: Any, contract: Contract) -> bytes:
    """One ONNX graph of a fitted pipeline; raises NotCompilable with the reason.

    Each field is an input of its name and shape [n, 1]: "tensor(string)" for words, "tensor(float)" for all else, true
    being 1 and a missing number NaN; a recording is one of [seconds, samples]. The first output is float32, [n, 1] or
    [n, labels]. An estimator with a method `onnx_graph` draws its own.
    """
    inputs = {name: _wordy(field) for name, field in contract.fields.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            draw = getattr(estimator, "onnx_graph", None)
            model = graph_of(estimator, inputs) if draw is None else draw(contract)
            onnx.checker.check_model(model)
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise NotCompilable(f"{type(estimator).__name__} cannot be compiled: {lines[0][:300]}") from error
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def prove(graph: bytes, estimator: Any, asked: Any, contract: Contract) -> Proof:
    """Compares the graph's answers with the pipeline's own on what was `asked`, as a recipe receives it.

    Each difference must be at most 1e-5 of the answer or of the mean answer, whichever is larger, and of a confidence at
    most 1e-4; raises NotCompilable otherwise. This is not a formality: an XGBoost behind a scaler converts without
    complaint, yet a scaled 32-bit value falls on the other side of a split that lies exactly on it, and one row in twelve
    gets another leaf.
    """
    native = _native(estimator, asked, contract)
    session = _session(graph)
    feed = _feed(asked, contract)
    answers = _run(session, feed, native.shape)
    if answers.shape != native.shape or not np.isfinite(answers).all() or not np.isfinite(native).all():
        raise NotCompilable("The graph disagrees with its pipeline: not every row has one finite answer from both.")
    allowed = TOLERANCE * np.maximum(np.abs(native), np.abs(native).mean())
    if contract.target.labels:
        allowed = np.full_like(native, OF_CONFIDENCES)
    difference = np.abs(answers.astype(np.float64) - native)
    beyond = int((difference > allowed).sum())
    if beyond:
        worst = int(np.argmax(difference - allowed))
        raise NotCompilable(
            f"The graph disagrees with its pipeline in {beyond} of {native.size} answers,"
            f" by up to {difference.flat[worst]:g} where {allowed.flat[worst]:g} is allowed."
        )
    return Proof(
        rows=len(native),
        max_difference=float(difference.max(initial=0.0)),
        tolerance=float(allowed.min(initial=np.inf)),
        batch_invariant=all(_in_batches(session, feed, answers, size) for size in BATCHES),
    )


def _wordy(field: Field) -> bool:
    return bool(field.values) or field.kind == "text"


def _session(graph: bytes) -> Any:
    onnxruntime = onnx_runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise NotCompilable(f"The graph cannot be loaded: {str(error).splitlines()[0][:300]}") from error


def _native(estimator: Any, asked: Any, contract: Contract) -> NDArray[np.float64]:
    if contract.target.labels:
        return np.asarray(estimator.predict_proba(asked), dtype=np.float64)
    return np.asarray(estimator.predict(asked.select(list(contract.fields))), dtype=np.float64).reshape(-1)


def _feed(rows: Any, contract: Contract) -> dict[str, NDArray[Any]]:
    if contract.audio is not None:
        return {contract.audio: np.ascontiguousarray(rows, np.float32)}
    feed: dict[str, NDArray[Any]] = {}
    for name, field in contract.fields.items():
        words = _wordy(field)
        column = rows[name] if words else rows[name].cast(pl.Float64).cast(pl.Float32)
        found = np.asarray(column.to_list(), dtype=object) if words else column.to_numpy()
        feed[name] = found.reshape(-1, 1)
    return feed


def _run(session: Any, feed: dict[str, NDArray[Any]], shape: tuple[int, ...]) -> NDArray[np.float32]:
    first = session.get_outputs()[0].name
    run: Callable[..., list[Any]] = session.run
    try:
        answers = run([first], feed)[0]
    except Exception as error:
        raise NotCompilable(f"The graph cannot be run: {str(error).splitlines()[0][:300]}") from error
    found = np.asarray(answers, dtype=np.float32)
    return found.reshape(-1) if len(shape) == 1 else found


def _in_batches(session: Any, feed: dict[str, NDArray[Any]], answers: NDArray[np.float32], size: int) -> bool:
    for start in range(0, len(answers), size):
        batch = _run(session, {name: value[start : start + size] for name, value in feed.items()}, answers.shape)
        if batch.tobytes() != answers[start : start + size].tobytes():
            return False
    return True
