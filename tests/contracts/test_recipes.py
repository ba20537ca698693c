"""Every recipe of the examples keeps the contract of recipes; no store is opened for it, in whichever database."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.sources.audio.sounds import Sounds
from assay.sources.recordings import read_recordings
from assay.testing.contracts import check_recipe

EXAMPLES = Path(__file__).parents[2] / "examples"
SOME = 12  # recordings, of which two or three are held out


def loaded(application: str, name: str) -> Any:
    """A module of an example, under a name of its own."""
    spec = importlib.util.spec_from_file_location(
        f"contracts_{application}_{name}", EXAMPLES / application / f"{name}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MODEL, DATA = loaded("diamonds", "model"), loaded("diamonds", "data")
PHRASES, SPEECH = loaded("recordings", "model").phrases, loaded("recordings", "data").rows()


@pytest.mark.parametrize("recipe", MODEL.price.recipes)
def test_a_recipe_of_the_example_keeps_the_contract(recipe: str) -> None:
    check_recipe(MODEL.price, recipe, DATA.rows(400), trials=2)


@pytest.fixture(scope="module")
def kept() -> dict[str, Path]:
    """Where recordings are, by their sha256."""
    return {hashlib.sha256(file.read_bytes()).hexdigest(): file for file in SPEECH.glob("*.flac")}


@pytest.fixture(scope="module")
def sounds(kept: dict[str, Path]) -> Iterator[Sounds]:
    made = Sounds(kept.__getitem__)
    yield made
    made.close()


# what takes part only if it is named is asked elsewhere and learns nothing here
@pytest.mark.parametrize("recipe", [name for name, one in PHRASES.recipes.items() if not one.by_name])
def test_a_recipe_for_recordings_keeps_the_contract(recipe: str, sounds: Sounds) -> None:
    rows: pl.DataFrame = read_recordings(
        str(SPEECH), audio="audio", target="utterances", examine=sounds.examine,
        keep=lambda file: hashlib.sha256(file.read_bytes()).hexdigest(),
    )  # fmt: skip
    check_recipe(PHRASES, recipe, rows.head(SOME), hear=sounds.windows)
