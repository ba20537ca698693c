"""Builds the ONNX graph of a fitted pipeline, with converters for what the libraries do not know or do inexactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import compose, helper, numpy_helper
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes
from sklearn.ensemble import VotingRegressor
from sklearn.pipeline import Pipeline

OPSET = 17
ML_OPSET = 3
DOUBLE = onnx.TensorProto.DOUBLE


def graph_of(estimator: Any, inputs: Mapping[str, bool]) -> onnx.ModelProto:
    """The graph of a fitted pipeline with one input [n, 1] a field (strings where `inputs` says so, else 32-bit floats)
    and one 32-bit float output [n, 1]; raises whatever a converter raises.

    An estimator of any origin takes part by its attributes: `terms_` are estimators whose sum it answers,
    `graph_output` is the ONNX operation that follows its `estimator_`, `fold` the arithmetic of a transformer.
    """
    given = [(name, (StringTensorType if wordy else FloatTensorType)([None, 1])) for name, wordy in inputs.items()]
    return _cast(_compile(estimator, given), onnx.TensorProto.FLOAT)


def _compile(estimator: Any, inputs: Sequence[tuple[str, Any]]) -> onnx.ModelProto:
    """Takes apart what has a simple meaning as a graph of graphs, and leaves the rest to the converters.

    What follows the answer of a part is computed in 64 bits: on a logarithmic scale 32 would cost more than the
    tolerance allows.
    """
    steps, last = _apart(estimator)
    operation = getattr(last, "graph_output", None)
    if operation is not None:
        return _followed_by(operation, _cast(_compile(_joined(steps, last.estimator_), inputs), DOUBLE))
    terms, shares = _terms(last)
    if terms:
        return _sum([_cast(_compile(_joined(steps, term), inputs), DOUBLE) for term in terms], shares)
    _register(estimator)
    pipeline = estimator if isinstance(estimator, Pipeline) else Pipeline([("only", estimator)])
    made: onnx.ModelProto = convert_sklearn(
        pipeline, initial_types=list(inputs), target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET}
    )
    _start_with_base(made.graph)
    return made


def _apart(estimator: Any) -> tuple[list[tuple[str, Any]], Any]:
    if not isinstance(estimator, Pipeline):
        return [], estimator
    before, last = _apart(estimator.steps[-1][1])
    return [*estimator.steps[:-1], *before], last


def _joined(steps: list[tuple[str, Any]], last: Any) -> Any:
    return Pipeline([(f"{place}", step) for place, (_, step) in enumerate(steps)] + [("last", last)]) if steps else last


def _followed_by(operation: str, model: onnx.ModelProto, **said: Any) -> onnx.ModelProto:
    graph = model.graph
    before = graph.output[0].name
    after = f"{operation.lower()}_of_{before}"
    graph.node.append(helper.make_node(operation, [before], [after], name=after, **said))
    _only_output(graph, after)
    return model


def _cast(model: onnx.ModelProto, kind: int) -> onnx.ModelProto:
    if model.graph.output[0].type.tensor_type.elem_type == kind:
        return model
    made = _followed_by("Cast", model, to=kind)
    _only_output(made.graph, made.graph.output[0].name, kind)
    return made


def _start_with_base(graph: onnx.GraphProto) -> None:
    """Makes the base value of a tree ensemble its first tree, a single leaf.

    XGBoost begins each 32-bit sum with the base score and the runtime would end with it; over hundreds of trees the two
    round apart by more than the tolerance. In the same order the sums are equal bit for bit.
    """
    for node in graph.node:
        said = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        base = said.pop("base_values", ())
        if node.op_type != "TreeEnsembleRegressor" or len(base) != 1:
            continue
        leaf = {"target_weights": base[0], "nodes_modes": "LEAF"}
        for name, values in said.items():
            if name in ("nodes_treeids", "target_treeids"):
                said[name] = [0, *(tree + 1 for tree in values)]
            elif name.startswith(("nodes_", "target_")):
                said[name] = [leaf.get(name, 0), *values]
        node.CopyFrom(helper.make_node(node.op_type, node.input, node.output, node.name, domain=node.domain, **said))


def _terms(last: Any) -> tuple[list[Any], list[float]]:
    """The estimators whose weighted sum is the answer of `last`, with their weights; nothing if it is no such sum."""
    if not isinstance(last, VotingRegressor):
        terms = list(getattr(last, "terms_", ()))
        return terms, [1.0] * len(terms)
    weights = np.asarray(last._weights_not_none or [1.0] * len(last.estimators_), dtype=np.float64)
    return list(last.estimators_), list(weights / weights.sum())


def _sum(models: list[onnx.ModelProto], shares: list[float]) -> onnx.ModelProto:
    """The weighted sum of the first outputs, over shared inputs, from the first to the last."""
    asked = {given.name for given in models[0].graph.input}
    total, made = "", onnx.ModelProto()
    for place, (model, share) in enumerate(zip(models, shares, strict=True)):
        one = compose.add_prefix(model, f"m{place}_", rename_inputs=False)
        graph = one.graph
        answer, weight, part, flat = graph.output[0].name, f"share_{place}", f"part_{place}", f"flat_{place}"
        shape = f"column_{place}"
        graph.initializer.append(numpy_helper.from_array(np.asarray(share, dtype=np.float64), weight))
        graph.initializer.append(numpy_helper.from_array(np.asarray([-1, 1], dtype=np.int64), shape))
        graph.node.append(helper.make_node("Reshape", [answer, shape], [flat], name=flat))
        graph.node.append(helper.make_node("Mul", [flat, weight], [part], name=part))
        if place == 0:
            made, total = one, part
            continue
        made.graph.node.extend(graph.node)
        made.graph.initializer.extend(graph.initializer)
        made.graph.input.extend(given for given in graph.input if given.name not in asked)
        made.graph.node.append(helper.make_node("Add", [total, part], [f"sum_{place}"], name=f"sum_{place}"))
        total = f"sum_{place}"
    _only_output(made.graph, total)
    return made


def _only_output(graph: onnx.GraphProto, name: str, kind: int = DOUBLE) -> None:
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(name, kind, [None, 1]))


# ---- converters


def _register(estimator: Any) -> None:
    for part in _parts(estimator):
        kind = type(part)
        if callable(getattr(part, "fold", None)):
            update_registered_converter(kind, f"Assay{kind.__name__}", _folded_shape, _convert_folded, overwrite=True)
        elif "LinearModel" in [base.__name__ for base in kind.__mro__] and np.ndim(part.coef_) == 1:
            update_registered_converter(kind, f"Assay{kind.__name__}", _linear_shape, _convert_linear, overwrite=True)
        elif getattr(part, "layers_", None):
            update_registered_converter(kind, f"Assay{kind.__name__}", _linear_shape, _convert_layers, overwrite=True)
        elif kind.__module__.startswith("xgboost."):
            from onnxmltools.convert.xgboost.operator_converters import XGBoost  # noqa: PLC0415 - an optional extra

            shapes, convert = calculate_linear_regressor_output_shapes, XGBoost.convert_xgboost
            update_registered_converter(kind, f"XGBoost{kind.__name__}", shapes, convert, overwrite=True)


def _parts(estimator: Any) -> list[Any]:
    inner = [step for _, step in getattr(estimator, "steps", ())]
    inner += [step for _, step, _ in getattr(estimator, "transformers_", ())]
    return [estimator] + [part for one in inner for part in _parts(one)]


def _folded_shape(operator: Any) -> None:
    wide = len(operator.raw_operator.get_feature_names_out())
    operator.outputs[0].type = FloatTensorType([operator.inputs[0].get_first_dimension(), wide])


def _convert_folded(scope: Any, operator: Any, container: Any) -> None:
    """Writes the nodes of a transformer that is a fold of arithmetic over columns, all in 32-bit floats."""
    add = _Nodes(scope, container)
    arriving = [add("Cast", [given.full_name], to=onnx.TensorProto.FLOAT) for given in operator.inputs]
    table = arriving[0] if len(arriving) == 1 else add("Concat", arriving, axis=1)
    columns = operator.raw_operator.fold(
        lambda place: add("Gather", [table, add.constant(np.asarray([place], dtype=np.int64))], axis=1),
        lambda value: add.constant(np.asarray([value], dtype=np.float32)),
        add.operation,
    )
    name = scope.get_unique_operator_name("fold")
    container.add_node("Concat", columns, operator.outputs[0].full_name, axis=1, name=name)


def _linear_shape(operator: Any) -> None:
    operator.outputs[0].type = DoubleTensorType([operator.inputs[0].get_first_dimension(), 1])


def _convert_linear(scope: Any, operator: Any, container: Any) -> None:
    """Writes a linear model as a sum per row in 64-bit floats.

    The runtime's own linear operation is a matrix product, whose rounding depends on how many rows are asked at once.
    """
    add, model = _Nodes(scope, container), operator.raw_operator
    wide = [add("Cast", [given.full_name], to=DOUBLE) for given in operator.inputs]
    table = wide[0] if len(wide) == 1 else add("Concat", wide, axis=1)
    weights = add.constant(np.asarray(model.coef_, dtype=np.float64).reshape(1, -1))
    terms = add("Mul", [table, weights])
    total = add("ReduceSum", [terms, add.constant(np.asarray([1], dtype=np.int64))], keepdims=1)
    intercept = add.constant(np.asarray([model.intercept_], dtype=np.float64))
    name = scope.get_unique_operator_name("linear")
    container.add_node("Add", [total, intercept], operator.outputs[0].full_name, name=name)


def _convert_layers(scope: Any, operator: Any, container: Any) -> None:
    """Writes rectified layers in 64-bit floats, each a sum per row as for a linear model, for the same reason."""
    add = _Nodes(scope, container)
    wide = [add("Cast", [given.full_name], to=DOUBLE) for given in operator.inputs]
    now = wide[0] if len(wide) == 1 else add("Concat", wide, axis=1)
    *inner, (weights, bias) = operator.raw_operator.layers_
    for inward, shift in inner:
        now = add("Relu", [_layer(add, now, inward, shift)])
    name = scope.get_unique_operator_name("layers")
    container.add_node("Identity", [_layer(add, now, weights, bias)], operator.outputs[0].full_name, name=name)


def _layer(add: _Nodes, rows: str, weights: NDArray[np.float64], bias: NDArray[np.float64]) -> str:
    """The name of [n, outputs], of rows [n, inputs]."""
    deep = add("Unsqueeze", [rows, add.constant(np.asarray([2], dtype=np.int64))])
    terms = add("Mul", [deep, add.constant(weights[None])])
    total = add("ReduceSum", [terms, add.constant(np.asarray([1], dtype=np.int64))], keepdims=0)
    return add("Add", [total, add.constant(bias[None])])


class _Nodes:
    """Adds nodes to a graph that is being converted and answers with the names of what they compute."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope = scope
        self._container = container

    def __call__(self, operation: str, inputs: list[str], **said: Any) -> str:
        made: str = self._scope.get_unique_variable_name(operation.lower())
        name = self._scope.get_unique_operator_name(operation)
        self._container.add_node(operation, inputs, made, name=name, op_version=OPSET, **said)
        return made

    def constant(self, value: NDArray[Any]) -> str:
        name: str = self._scope.get_unique_variable_name("constant")
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        self._container.add_initializer(name, kind, value.shape, value.tolist())
        return name

    def operation(self, operator: str, left: str, right: str) -> str:
        plain = {"+": "Add", "-": "Sub", "*": "Mul"}.get(operator)
        if plain is not None:
            return self(plain, [left, right])
        zero, one = (self.constant(np.asarray([value], dtype=np.float32)) for value in (0, 1))
        nought = self("Equal", [right, zero])
        return self("Where", [nought, zero, self("Div", [left, self("Where", [nought, one, right])])])
