"""ONNX Runtime reports to nobody, and leaves nothing behind that it would report."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import PROGRAMS, imports, modules

LOADED = "from assay.serving.engines.runtime import onnx_runtime; onnx_runtime()"
BY_ITSELF = "import onnxruntime"
RUN = """
import numpy as np
import onnxruntime
from onnx import TensorProto, helper
given, told = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in "xy")
graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "graph", [given], [told])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
assert session.run(None, {"x": np.ones(2, np.float32)})[0].tolist() == [-1, -1]
"""


def left_by(program: str, home: Path) -> list[Path]:
    """The files that a program leaves in the folder of whoever runs it."""
    told = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    home.mkdir()
    command = [sys.executable, "-B", "-c", f"{program}\n{RUN}"]
    subprocess.run(command, env=told | {"HOME": str(home)}, check=True, timeout=60)
    return [file for file in home.rglob("*") if file.is_file()]


def test_a_session_leaves_no_report(tmp_path: Path) -> None:
    assert left_by(LOADED, tmp_path / "silent") == []


def test_by_itself_it_would(tmp_path: Path) -> None:
    if not left_by(BY_ITSELF, tmp_path / "loud"):
        pytest.skip("this build of ONNX Runtime has nothing that reports")


def test_nobody_loads_it_in_another_way() -> None:
    loading = [module.place for module in modules(*PROGRAMS) if "onnxruntime" in imports(module.tree)]
    assert loading == ["src/assay/serving/engines/runtime.py"]
