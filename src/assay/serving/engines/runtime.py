"""ONNX Runtime, loaded so that it tells nobody: by itself it would report each session to its makers over the network."""

from __future__ import annotations

import os
from typing import Any

SILENT = {"ORT_DISABLE_TELEMETRY": "1"}  # read once, when the library is loaded; a word to it afterwards comes too late


def onnx_runtime() -> Any:
    """The library. Whoever needs it asks here: what is loaded anywhere else has opened its file of reports already."""
    os.environ.update(SILENT)  # noqa: TID251 - this reads nothing, and a library cannot be told in another way
    import onnxruntime  # noqa: PLC0415 - as above; and a process that only does jobs or commands needs no graph

    onnxruntime.disable_telemetry_events()  # where an author's own code has loaded it before
    return onnxruntime
