"""Every recipe of the examples keeps the contract of recipes; no store is opened for it, in whichever database."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from assay.testing.contracts import check_recipe

DIAMONDS = Path(__file__).parents[2] / "examples" / "diamonds"


def loaded(name: str) -> Any:
    """A module of the example, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"contracts_diamonds_{name}", DIAMONDS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MODEL, DATA = loaded("model"), loaded("data")


@pytest.mark.parametrize("recipe", MODEL.price.recipes)
def test_a_recipe_of_the_example_keeps_the_contract(recipe: str) -> None:
    check_recipe(MODEL.price, recipe, DATA.rows(400), trials=2)
