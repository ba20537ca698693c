"""A drawn graph has one input and one output, and gives a row the same answer in whatever batch it is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from assay.recipes.audio.drawing import ABREAST, drawn
from assay.serving.engines.runtime import onnx_runtime

ROWS = np.random.default_rng(5).normal(0, 1, (50, 33)).astype(np.float32)
FILTERS = np.random.default_rng(6).normal(0, 1, (ABREAST, 1, 1, 33)).astype(np.float32)


def some(on: Any, given: str) -> str:
    """A network of one layer."""
    made: str = on.each("Sigmoid", on.conv(given, FILTERS))
    return made


def test_a_drawn_model_is_valid_and_names_what_it_is_asked_and_tells() -> None:
    model = drawn("sound", 33, 10, some)
    onnx.checker.check_model(model, full_check=True)
    (asked,), (told,) = model.graph.input, model.graph.output
    assert asked.name == "sound"
    assert [one.dim_param or one.dim_value for one in asked.type.tensor_type.shape.dim] == ["n", 33]
    assert [one.dim_param or one.dim_value for one in told.type.tensor_type.shape.dim] == ["n", 10]
    assert drawn("sound", 33, 10, some).SerializeToString() == model.SerializeToString()


def test_a_row_is_answered_the_same_bit_for_bit_in_any_batch() -> None:
    options = onnx_runtime().SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnx_runtime().InferenceSession(
        drawn("sound", 33, 10, some).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    whole = session.run(None, {"sound": ROWS})[0]
    for size in (1, 3, 7):
        parts = [session.run(None, {"sound": ROWS[at : at + size]})[0] for at in range(0, len(ROWS), size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
