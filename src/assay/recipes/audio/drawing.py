"""The operations of `operations` as nodes of an ONNX graph, each chosen so that a row's answer does not depend on others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from assay.recipes.audio.operations import Each, Floats, Pads

OPSET = 17
IR_VERSION = 8
FLOAT = onnx.TensorProto.FLOAT
# The runtime computes exponentials and logarithms of several numbers at once and of the last few one by one, which may
# round differently: a row that is a multiple of this long is computed alike wherever it stands.
ABREAST = 16


@dataclass(frozen=True)
class Sheet:
    """Nodes and constants, as they are added."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operation: str, *given: str, **said: Any) -> str:
        """Adds a node; answers with the name of what it computes."""
        made = f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(given), [made], name=made, **said))
        return made

    def integers(self, *values: int) -> str:
        """Adds a list of whole numbers."""
        return self.constant(np.asarray(values, np.int64))

    def number(self, value: float) -> str:
        """Adds a number."""
        return self.constant(np.asarray(value, np.float32))

    def constant(self, value: NDArray[Any]) -> str:
        """Adds an array."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


@dataclass(frozen=True)
class Drawing:
    """The operations as nodes on a sheet. Values are the names of what nodes compute.

    Convolutions, unlike products of matrices and means, are computed row by row: their rounding does not depend on the
    batch.
    """

    sheet: Sheet

    def conv(self, given: str, weights: Floats, bias: Floats | None = None, *, stride: int = 1) -> str:
        more = [self.sheet.constant(weights)] + ([] if bias is None else [self.sheet.constant(bias)])
        return self.sheet.add("Conv", given, *more, kernel_shape=list(weights.shape[2:]), strides=[1, stride])

    def pad(self, given: str, pads: Pads, filling: float) -> str:
        above, left, below, right = pads
        places = self.sheet.integers(0, 0, above, left, 0, 0, below, right)
        return self.sheet.add("Pad", given, places, self.sheet.number(filling))

    def turn(self, given: str) -> str:
        return self.sheet.add("Transpose", given, perm=[0, 2, 1, 3])

    def cut(self, given: str, axis: int, begin: int, end: int) -> str:
        return self.sheet.add("Slice", given, *(self.sheet.integers(one) for one in (begin, end, axis)))

    def highest(self, given: str, axis: int) -> str:
        return self.sheet.add("ReduceMax", given, axes=[axis], keepdims=1)

    def pool(self, given: str, size: tuple[int, int], *, mean: bool = False) -> str:
        kind = "AveragePool" if mean else "MaxPool"
        return self.sheet.add(kind, given, kernel_shape=list(size), strides=list(size))

    def times(self, given: str, by: str) -> str:
        return self.sheet.add("Mul", given, by)

    def plus(self, given: str, more: str) -> str:
        return self.sheet.add("Add", given, more)

    def over(self, given: str, by: str) -> str:
        return self.sheet.add("Div", given, by)

    def scaled(self, given: str, factor: float, plus: float) -> str:
        product = given if factor == 1 else self.times(given, self.sheet.number(factor))
        return self.sheet.add("Add", product, self.sheet.number(plus))

    def each(self, kind: Each, given: str) -> str:
        return self.sheet.add(kind, given)

    def shares(self, given: str) -> str:
        return self.sheet.add("Softmax", given, axis=1)


def drawn(asked: str, samples: int, labels: int, draw: Callable[[Drawing, str], str]) -> onnx.ModelProto:
    """The model with one input float32 [n, samples] and one output float32 [n, labels].

    `draw` is given the windows as [n, 1, 1, samples] and answers with [n, places, 1, 1], whose first places are told.
    """
    sheet = Sheet()
    on = Drawing(sheet)
    answer = draw(on, sheet.add("Unsqueeze", asked, sheet.integers(1, 2)))
    told = sheet.add("Reshape", on.cut(answer, 1, 0, labels), sheet.integers(-1, labels))
    given = helper.make_tensor_value_info(asked, FLOAT, ["n", samples])
    output = helper.make_tensor_value_info(told, FLOAT, ["n", labels])
    graph = helper.make_graph(sheet.nodes, "recording", [given], [output], sheet.constants)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="assay")
