"""The application's own keeper has all that a training run asks for."""

from __future__ import annotations

import inspect

from assay.app.keeping import Keeper
from assay.training.keeping import Keeping


def test_the_keeper_takes_what_a_run_gives() -> None:
    asked = {
        name: told for name, told in vars(Keeping).items() if inspect.isfunction(told) and not name.startswith("_")
    }
    assert set(asked) == {
        "known", "hear", "connect", "learnt", "begun", "memory", "keep_snapshot", "keep_failed", "keep_fitted", "end", "promote",
    }  # fmt: skip
    for name, told in asked.items():
        given = inspect.signature(getattr(Keeper, name))
        assert list(given.parameters) == list(inspect.signature(told).parameters), name
