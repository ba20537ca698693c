"""Features computed by arithmetic expressions, in 32-bit floats so that a compiled graph computes the same bits."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

ValueT = TypeVar("ValueT")
OPERATORS: Mapping[type[ast.AST], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


class Derive(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """The columns named in `keep` (all if None), then a column for each of `features`: its name and its expression.

    An expression has column names, numbers, + - * / and parentheses: {"volume": "x * y * z"}. Features are computed
    from incoming columns only, not from each other. What is divided by 0 is 0: a stone without a size has no density,
    and no model can be asked about infinity. `columns` names the incoming columns where they arrive as an array.
    """

    def __init__(
        self, features: dict[str, str], keep: list[str] | None = None, *, columns: list[str] | None = None
    ) -> None:
        self.features = features
        self.keep = keep
        self.columns = columns

    def fit(self, rows: Any, target: Any = None) -> Self:
        """Reads names and expressions; raises ValueError for an unknown name or anything that is not arithmetic."""
        names = list(self.columns) if self.columns is not None else [str(name) for name in getattr(rows, "columns", ())]
        if len(names) != rows.shape[1]:
            raise ValueError(f"{rows.shape[1]} columns arrive without names; say which with `columns`")
        self.names_ = names
        self.n_features_in_ = len(names)
        for expression in self.features.values():
            used = names_in(parse(expression))
            strange = sorted(used - set(names))
            if strange or not used:
                why = f"there is no column {strange[0]!r}" if strange else "it names no column"
                raise ValueError(f"{expression!r} cannot be computed: {why} among {', '.join(names)}")
        self._kept()
        return self

    def transform(self, rows: Any) -> NDArray[np.float32]:
        """float32 [n, kept + features]."""
        found = rows.to_numpy() if hasattr(rows, "to_numpy") else rows
        values = np.asarray(found, dtype=np.float32)
        return np.column_stack(self.fold(lambda place: values[:, place], np.float32, apply))

    def fold(
        self,
        column: Callable[[int], ValueT],
        number: Callable[[float], ValueT],
        apply: Callable[[str, ValueT, ValueT], ValueT],
    ) -> list[ValueT]:
        """The columns that come out, made of what the three functions make of an incoming column's place, a number and
        an operation: arrays here, nodes of a graph where the pipeline is compiled."""
        places = {name: place for place, name in enumerate(self.names_)}
        kept = [column(places[name]) for name in self._kept()]
        trees = [parse(expression) for expression in self.features.values()]
        return kept + [evaluate(tree, lambda name: column(places[name]), number, apply) for tree in trees]

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """The names of the columns that come out, in their order."""
        return np.asarray([*self._kept(), *self.features], dtype=object)

    def _kept(self) -> list[str]:
        kept = self.names_ if self.keep is None else list(self.keep)
        strange = [name for name in kept if name not in self.names_]
        if strange:
            raise ValueError(f"there is no column {strange[0]!r} to keep among {', '.join(self.names_)}")
        return kept


def parse(expression: str) -> ast.expr:
    """The syntax tree of an arithmetic expression; raises ValueError for anything else."""
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{expression!r} is not an arithmetic expression") from error
    for node in ast.walk(tree):
        number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
        operation = isinstance(node, ast.BinOp) and type(node.op) in OPERATORS
        negation = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        word = isinstance(node, ast.Name | ast.Load | ast.USub) or type(node) in OPERATORS
        if not (number or operation or negation or word):
            raise ValueError(f"{expression!r} may hold column names, numbers, + - * / and parentheses only")
    return tree


def names_in(tree: ast.expr) -> set[str]:
    """The column names that an expression uses."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def evaluate(
    tree: ast.expr,
    column: Callable[[str], ValueT],
    number: Callable[[float], ValueT],
    apply: Callable[[str, ValueT, ValueT], ValueT],
) -> ValueT:
    """Folds a parsed expression in its written order. One fold makes arrays and graphs: they cannot differ."""
    match tree:
        case ast.Name():
            return column(tree.id)
        case ast.UnaryOp():
            return apply("-", number(0.0), evaluate(tree.operand, column, number, apply))
        case ast.BinOp():
            left = evaluate(tree.left, column, number, apply)
            return apply(OPERATORS[type(tree.op)], left, evaluate(tree.right, column, number, apply))
        case _:
            return number(float(ast.literal_eval(tree)))


def apply(operator: str, left: Any, right: Any) -> Any:
    """One operation on float32 values; what is divided by 0 is 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        if operator == "+":
            return left + right
        if operator == "-":
            return left - right
        if operator == "*":
            return left * right
        nought = right == 0
        return np.where(nought, np.float32(0), left / np.where(nought, np.float32(1), right))
