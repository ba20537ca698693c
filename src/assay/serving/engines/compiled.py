"""A compiled version in this process: one ONNX graph, one input a field, one number a row or one confidence a label."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.domain.question.contract import Contract
from assay.errors import ArtifactRejected, ModelFailed
from assay.serving.engines.runtime import onnx_runtime

Floats = np.ndarray[Any, np.dtype[Any]]
Columns = dict[str, Any]  # of each field a list of its values; of recordings float32 [seconds, samples]
_FATAL = 4


class GraphEngine:
    """Runs a compiled pipeline. Thread-safe; one thread of the machine a call."""

    def __init__(self, graph: bytes, contract: Contract) -> None:
        ort = onnx_runtime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as refused:
            raise ArtifactRejected(f"The compiled graph cannot be loaded: {type(refused).__name__}.") from refused
        asked = {given.name for given in self._session.get_inputs()}
        if asked != set(contract.fields):
            raise ArtifactRejected("The compiled graph asks for other fields than the contract names.")
        self._labels = len(contract.target.labels)
        self._audio = contract.audio
        self._numeric = {name: field.numeric or field.kind == "boolean" for name, field in contract.fields.items()}

    def run(self, columns: Columns) -> Floats:
        """The raw answers, float32 of shape (rows,) or (rows, labels), to columns of equal length; raises ModelFailed."""
        feed = {name: self._fed(name, values) for name, values in columns.items()}
        try:
            found: Floats = self._session.run(None, feed)[0]
        except Exception as failed:
            raise ModelFailed(f"The model failed: {type(failed).__name__}.") from failed
        return found.reshape(-1, self._labels) if self._labels else found.reshape(-1)

    def _fed(self, name: str, values: Any) -> Floats:
        if name == self._audio:
            return np.ascontiguousarray(values, np.float32)
        return np.array(values, np.float32 if self._numeric[name] else object).reshape(-1, 1)

    def close(self) -> None:
        """Nothing to end: the session goes with the last reference to it."""
