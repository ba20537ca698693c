"""A recipe: one way of learning to answer a model's question."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LONGEST_NAME = 128


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A function that returns an estimator with `fit` and `predict`; with `trials`, it takes an Optuna trial.

    One that is to be trained `by_name` is left out where nobody names it.
    """

    name: str
    make: Callable[..., Any]
    trials: int = 0
    description: str = ""
    by_name: bool = False

    @property
    def tuned(self) -> bool:
        """Whether the recipe has hyper-parameters to be searched."""
        return self.trials > 0

    @classmethod
    def of(cls, make: Callable[..., Any], trials: int, *, by_name: bool = False) -> Recipe:
        """The recipe that a decorated function stands for; its name and first line are the function's."""
        takes = len(inspect.signature(make).parameters)
        if takes != (1 if trials else 0):
            wanted = "one parameter, the trial" if trials else "no parameter (or say @model.recipe(trials=100))"
            raise TypeError(f"the recipe {make.__name__!r} must take {wanted}")
        lines = (inspect.getdoc(make) or "").splitlines()
        return cls(
            name=make.__name__.replace("_", "-"), make=make, trials=trials, description=lines[0] if lines else "",
            by_name=by_name,
        )  # fmt: skip
