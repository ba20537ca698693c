"""A zoo: a model that behaves as it is asked to behave, in a process of its own, and beside it one that is always well."""

from __future__ import annotations

import ctypes
import os
import re
import sys
import time
from typing import Any

import assay

KINDS = ("well", "slow", "raise", "nan", "segv", "exit", "hang", "spin", "flood", "leak")
HELD: list[bytes] = []  # what leaks


class Ask(assay.Input):
    """How to behave, and for how long."""

    kind: str = assay.Category(*KINDS, example="well")
    weight: float = assay.Number(at_least=0, at_most=1000, example=1.0)
    seconds: float = assay.Number(at_least=0, at_most=60, example=0.0)


class Plain(assay.Input):
    """A weight."""

    weight: float = assay.Number(at_least=0, at_most=1000, example=1.0)


class Beast:
    """An estimator that answers twice the weight, unless it was asked to behave otherwise."""

    def __init__(self) -> None:
        self.factor = 0.0

    def fit(self, _asked: Any, _prices: Any) -> Beast:
        """Learns nothing."""
        self.factor = 2.0
        return self

    def predict(self, asked: Any) -> Any:
        """Behaves as each row says, one row after the other."""
        for kind, seconds in zip(asked["kind"].to_list(), asked["seconds"].to_list(), strict=True):
            behave(kind, seconds)
        answers = asked["weight"].to_numpy() * self.factor
        answers[[kind == "nan" for kind in asked["kind"].to_list()]] = float("nan")
        return answers


def behave(kind: str, seconds: float) -> None:
    """One row's behaviour."""
    deeds: dict[str, Any] = {
        "slow": lambda: time.sleep(seconds), "hang": lambda: time.sleep(3600), "segv": lambda: ctypes.string_at(0),
        "exit": lambda: os._exit(3), "leak": lambda: HELD.append(bytes(20 << 20)), "flood": flood, "raise": fail,
        "spin": lambda: re.match(r"(a+)+$", "a" * 34 + "b"),  # holds the interpreter's lock for minutes
    }  # fmt: skip
    deeds.get(kind, lambda: None)()


def fail() -> None:
    """Raises."""
    raise RuntimeError("a beast that raises")


def flood() -> None:
    """Prints far more than a pipe holds."""
    for _ in range(200):
        sys.stdout.write("x" * 65_536)
    sys.stdout.flush()


zoo = assay.Model("zoo", input=Ask, target="price", trusted=(Beast,))
well = assay.Model("well", input=Plain, target="price")


@zoo.recipe
def beast() -> Any:
    """The one that behaves."""
    return Beast()


@well.recipe
def plain() -> Any:
    """Linear in the weight."""
    from sklearn.linear_model import LinearRegression

    return LinearRegression()
