"""The few operations that networks over recordings are made of, computed on arrays; `drawing` has the same as nodes."""

from __future__ import annotations

from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
ValueT = TypeVar("ValueT")
Pads = tuple[int, int, int, int]  # above, left, below, right
Each = Literal["Log", "Relu", "Sigmoid"]


class Operations(Protocol[ValueT]):
    """What a network asks of whoever computes or draws it. A value is float32 [n, channels, height, width]."""

    def conv(self, given: ValueT, weights: Floats, bias: Floats | None = None, *, stride: int = 1) -> ValueT:
        """Convolves with weights [out, channels, height, width], in steps of `stride` along the width."""
        ...

    def pad(self, given: ValueT, pads: Pads, filling: float) -> ValueT:
        """Puts so many rows and columns of the filling around each channel."""
        ...

    def turn(self, given: ValueT) -> ValueT:
        """Makes channels to rows: [n, channels, 1, width] becomes [n, 1, channels, width]."""
        ...

    def cut(self, given: ValueT, axis: int, begin: int, end: int) -> ValueT:
        """The places from `begin` until before `end` along an axis."""
        ...

    def highest(self, given: ValueT, axis: int) -> ValueT:
        """The maximum along an axis, which stays with the length 1."""
        ...

    def pool(self, given: ValueT, size: tuple[int, int], *, mean: bool = False) -> ValueT:
        """The maximum (or the mean) of each field of that height and width; what fills no field is left out."""
        ...

    def times(self, given: ValueT, by: ValueT) -> ValueT:
        """The product, number by number."""
        ...

    def plus(self, given: ValueT, more: ValueT) -> ValueT:
        """The sum, number by number."""
        ...

    def over(self, given: ValueT, by: ValueT) -> ValueT:
        """The quotient, number by number."""
        ...

    def scaled(self, given: ValueT, factor: float, plus: float) -> ValueT:
        """Each number times the factor, and the addend."""
        ...

    def each(self, kind: Each, given: ValueT) -> ValueT:
        """The function of ONNX of that name, of each number."""
        ...

    def shares(self, given: ValueT) -> ValueT:
        """The softmax over the channels: what each has of a whole."""
        ...


class Arrays:
    """The operations on float32 arrays."""

    def conv(self, given: Floats, weights: Floats, bias: Floats | None = None, *, stride: int = 1) -> Floats:
        fields = np.lib.stride_tricks.sliding_window_view(given, weights.shape[2:], axis=(2, 3))[:, :, :, ::stride]
        found = np.tensordot(fields, weights, axes=([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2)
        return found if bias is None else found + bias[:, None, None]

    def pad(self, given: Floats, pads: Pads, filling: float) -> Floats:
        above, left, below, right = pads
        return np.pad(given, ((0, 0), (0, 0), (above, below), (left, right)), constant_values=np.float32(filling))

    def turn(self, given: Floats) -> Floats:
        return given.transpose(0, 2, 1, 3)

    def cut(self, given: Floats, axis: int, begin: int, end: int) -> Floats:
        return np.take(given, np.arange(begin, end), axis=axis)

    def highest(self, given: Floats, axis: int) -> Floats:
        return np.asarray(given.max(axis=axis, keepdims=True), np.float32)

    def pool(self, given: Floats, size: tuple[int, int], *, mean: bool = False) -> Floats:
        rows, channels, high, wide = given.shape
        down, along = size
        whole = given[:, :, : high // down * down, : wide // along * along]
        fields = whole.reshape(rows, channels, high // down, down, wide // along, along)
        return np.asarray(fields.mean(axis=(3, 5)) if mean else fields.max(axis=(3, 5)), np.float32)

    def times(self, given: Floats, by: Floats) -> Floats:
        return given * by

    def plus(self, given: Floats, more: Floats) -> Floats:
        return given + more

    def over(self, given: Floats, by: Floats) -> Floats:
        return given / by

    def scaled(self, given: Floats, factor: float, plus: float) -> Floats:
        return given * np.float32(factor) + np.float32(plus)

    def each(self, kind: Each, given: Floats) -> Floats:
        if kind == "Log":
            return np.log(given)
        if kind == "Relu":
            return np.maximum(given, np.float32(0))
        small = np.exp(-np.abs(given))  # which cannot overflow
        return np.where(given >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)

    def shares(self, given: Floats) -> Floats:
        powers = np.exp(given - given.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
