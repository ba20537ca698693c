"""The child's side of `hosts.py`: loads one version under limits and answers until its pipe closes."""

from __future__ import annotations

import importlib
import os
import resource
import sys
from typing import Any, BinaryIO

import msgspec
import numpy as np

from assay.domain.model import Model
from assay.serving.engines.compiled import Columns, Floats, GraphEngine
from assay.serving.engines.hosts import _LENGTH, Load, Reply, Run

OPEN_FILES = 256
_MESSAGE = msgspec.msgpack.Decoder(Load | Run)


class PipelineEngine:
    """A native pipeline: any estimator whose types the explicit list allows."""

    def __init__(self, load: Load) -> None:
        import polars as pl  # noqa: PLC0415 - only a child with a native pipeline pays for it

        from assay.store.files.formats import load_pipeline  # noqa: PLC0415 - as above

        kinds = {"number": pl.Float64, "integer": pl.Int64, "boolean": pl.Boolean}
        self._schema = {name: kinds.get(field.kind, pl.String) for name, field in load.contract.fields.items()}
        self._frame = pl.DataFrame
        self._audio = load.contract.audio
        self._labels = bool(load.contract.target.labels)
        allowed = declared() if load.trusted else frozenset()
        self._pipeline: Any = load_pipeline(load.data, tuple(name for name in load.trusted if name in allowed))

    def run(self, columns: Columns) -> Floats:
        """The raw answers, float64 of shape (rows,) or (rows, labels)."""
        asked = self._frame(columns, schema=self._schema) if self._audio is None else columns[self._audio]
        if self._labels:
            return np.asarray(self._pipeline.predict_proba(asked), np.float64)
        return np.asarray(self._pipeline.predict(asked), np.float64).reshape(-1)


def declared() -> frozenset[str]:
    """The classes that the application itself trusts: a file may use them, it cannot add to them."""
    module = importlib.import_module("model")
    models = [value for value in vars(module).values() if isinstance(value, Model)]
    return frozenset(f"{kind.__module__}.{kind.__qualname__}" for model in models for kind in model.trusted)


def serve(incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Answers messages until there are no more."""
    engine: GraphEngine | PipelineEngine | None = None
    while head := incoming.read(_LENGTH.size):
        message = _MESSAGE.decode(incoming.read(_LENGTH.unpack(head)[0]))
        try:
            if isinstance(message, Load):
                _limit(message.memory_bytes)
                engine = (
                    GraphEngine(message.data, message.contract) if message.engine == "onnx" else PipelineEngine(message)
                )
                reply = Reply()
            elif engine is None:
                reply = Reply(error="nothing is loaded")
            else:
                reply = Reply(values=engine.run(_arrays(message)).astype("<f8").tobytes())
        except Exception as failed:  # noqa: BLE001 - whatever a foreign model raises is its answer
            reply = Reply(error=f"{type(failed).__name__}: {str(failed)[:300]}")
        data = msgspec.msgpack.encode(reply)
        outgoing.write(_LENGTH.pack(len(data)) + data)
        outgoing.flush()


def _arrays(message: Run) -> Columns:
    """The columns as an engine takes them."""
    if not message.samples:
        return message.columns
    return {name: np.frombuffer(values, "<f4").reshape(-1, message.samples) for name, values in message.columns.items()}


def _limit(memory_bytes: int) -> None:
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[1]), "rb") as questions, os.fdopen(int(sys.argv[2]), "wb") as answers:
        serve(questions, answers)
