"""A recipe is a function with a name, and with a parameter exactly if it is tuned."""

from __future__ import annotations

from typing import Any

import pytest

from assay.domain.recipe import Recipe


def log_linear() -> Any:
    """Linear on the logarithm.

    More about it.
    """
    return "made"


def boosted(trial: Any) -> Any:
    return trial


def test_the_functions_name_and_first_line_are_the_recipes() -> None:
    made = Recipe.of(log_linear, 0)
    assert (made.name, made.description, made.trials, made.tuned) == (
        "log-linear",
        "Linear on the logarithm.",
        0,
        False,
    )
    assert made.make() == "made"


def test_a_recipe_without_a_docstring_has_no_description() -> None:
    made = Recipe.of(boosted, 10)
    assert (made.name, made.description, made.tuned) == ("boosted", "", True)


def test_a_recipe_that_is_not_tuned_takes_nothing() -> None:
    with pytest.raises(TypeError, match=r"'boosted' must take no parameter .*trials"):
        Recipe.of(boosted, 0)


def test_a_recipe_that_is_tuned_takes_the_trial() -> None:
    with pytest.raises(TypeError, match="'log_linear' must take one parameter, the trial"):
        Recipe.of(log_linear, 10)
