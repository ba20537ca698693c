"""An application whose models behave on all that they are proved with, and each in its own way on stones that are too heavy."""

from __future__ import annotations

import ctypes
import re
import time
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

import assay

HEAVY = 10.0  # more than any stone of the training weighs
CHUNK = 4 << 20  # numbers of 8 bytes that are leaked with each call


class Stone(assay.Input):
    """A stone."""

    carat: float = assay.Number(above=0, at_most=20, unit="ct", example=1.0)


class Moody(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """The mean price, until somebody asks about a heavy stone."""

    leaked: ClassVar[list[Any]] = []

    def __init__(self, mood: str = "calm") -> None:
        self.mood = mood

    def fit(self, rows: Any, truth: Any) -> Moody:
        """Learns the mean."""
        self.mean_ = float(np.mean(truth))
        return self

    def predict(self, rows: Any) -> Any:
        """float64 [n]."""
        found = np.full(len(rows), self.mean_)
        return getattr(self, self.mood)(found) if (rows["carat"] > HEAVY).any() else found

    def calm(self, found: Any) -> Any:
        """As it was proved."""
        return found

    def slow(self, found: Any) -> Any:
        """Takes its time."""
        time.sleep(0.05)
        return found

    def sleep(self, found: Any) -> Any:
        """Never answers."""
        time.sleep(60)
        return found

    def throw(self, found: Any) -> Any:
        """Fails."""
        raise RuntimeError("out of order")

    def crash(self, found: Any) -> Any:
        """Ends its process."""
        ctypes.string_at(0)
        return found

    def leak(self, found: Any) -> Any:
        """Takes more memory with each call, and then fails."""
        self.leaked.append(np.ones(CHUNK))
        raise MemoryError

    def hold(self, found: Any) -> Any:
        """Holds the interpreter's lock for ever."""
        re.fullmatch("(a|a)*b", "a" * 60)
        return found

    def nan(self, found: Any) -> Any:
        """Answers with what is no number."""
        return np.full(len(found), np.nan)


stones = assay.Model("stones", input=Stone, target="price", unit="USD", trusted=(Moody,))


@stones.recipe
def calm() -> Any:
    """Well-behaved, and the one that answers."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(ColumnTransformer([("carat", "passthrough", ["carat"])]), LinearRegression())


@stones.recipe
def slow() -> Any:
    """Takes its time."""
    return Moody("slow")


@stones.recipe
def sleep() -> Any:
    """Never answers."""
    return Moody("sleep")


@stones.recipe
def throw() -> Any:
    """Fails."""
    return Moody("throw")


@stones.recipe
def crash() -> Any:
    """Ends its process."""
    return Moody("crash")


@stones.recipe
def leak() -> Any:
    """Takes more and more memory."""
    return Moody("leak")


@stones.recipe
def hold() -> Any:
    """Holds the interpreter's lock."""
    return Moody("hold")


@stones.recipe
def nan() -> Any:
    """Answers with nothing."""
    return Moody("nan")
