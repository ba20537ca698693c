"""The operations on arrays are what ONNX Runtime computes by the nodes of the same names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assay.recipes.audio.drawing import drawn
from assay.recipes.audio.operations import Arrays
from assay.serving.engines.runtime import onnx_runtime

DRAW = np.random.default_rng(3)
GIVEN = DRAW.normal(0, 1, (5, 48)).astype(np.float32)
FILTERS = DRAW.normal(0, 1, (7, 1, 1, 5)).astype(np.float32)
MANY = DRAW.normal(0, 1, (4, 3, 2, 3)).astype(np.float32)
BIAS = DRAW.normal(0, 1, 7).astype(np.float32)


def square(on: Any, given: Any) -> Any:
    """[n, 3, 16, 1] of [n, 1, 1, 48]."""
    return on.turn(on.conv(given, np.eye(48, dtype=np.float32)[:, None, None, :]))


CASES: dict[str, Callable[[Any, Any], Any]] = {
    "conv": lambda on, given: on.conv(given, FILTERS, BIAS),
    "conv in steps": lambda on, given: on.conv(given, FILTERS, stride=4),
    "conv of many channels": lambda on, given: on.conv(on.pad(on.conv(given, FILTERS[:3]), (1, 0, 0, 0), 0.0), MANY),
    "pad": lambda on, given: on.pad(given, (1, 2, 3, 4), -2.5),
    "cut": lambda on, given: on.cut(given, 3, 5, 30),
    "highest": lambda on, given: on.highest(given, 3),
    "turn and pool": lambda on, given: on.pool(square(on, given), (5, 1)),
    "pool the mean": lambda on, given: on.pool(given, (1, 5), mean=True),
    "times": lambda on, given: on.times(given, given),
    "plus": lambda on, given: on.plus(given, on.highest(given, 3)),
    "over": lambda on, given: on.over(given, on.scaled(on.times(given, given), 1.0, 1.0)),
    "scaled": lambda on, given: on.scaled(given, -1.5, 0.25),
    "log": lambda on, given: on.each("Log", on.scaled(on.times(given, given), 1.0, 0.1)),
    "relu": lambda on, given: on.each("Relu", given),
    "sigmoid": lambda on, given: on.each("Sigmoid", on.scaled(given, 30.0, 0.0)),
    "shares": lambda on, given: on.shares(on.conv(given, FILTERS)),
}


@pytest.mark.parametrize("case", CASES)
def test_an_array_and_a_node_are_the_same(case: str) -> None:
    computed = CASES[case](Arrays(), GIVEN[:, None, None, :])
    assert computed.dtype == np.float32
    size = computed[0].size

    def flat(on: Any, given: str) -> str:
        made: str = on.sheet.add("Reshape", CASES[case](on, given), on.sheet.integers(-1, size, 1, 1))
        return made

    graph = drawn("sound", 48, size, flat).SerializeToString()
    session = onnx_runtime().InferenceSession(graph, providers=["CPUExecutionProvider"])
    (told,) = session.run(None, {"sound": GIVEN})
    np.testing.assert_allclose(told, computed.reshape(5, -1), rtol=2e-6, atol=2e-6)


def test_a_sigmoid_of_anything_is_a_share_and_says_nothing() -> None:
    far = np.array([-1e4, -90, 0, 90, 1e4], np.float32)
    with np.errstate(all="raise", under="ignore"):
        assert Arrays().each("Sigmoid", far).tolist() == [0, pytest.approx(0), 0.5, 1, 1]
