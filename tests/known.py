"""A tiny application with a feature table: what a shop will sell follows from its size and its town."""

from __future__ import annotations

import shutil
import tempfile
from atexit import register
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from assay.app import Assay

MODEL = '''"""How much does a shop sell?"""

from __future__ import annotations

from typing import Any

import assay


class Facts(assay.Input):
    """What a model is told of a shop."""

    size: float = assay.Number(at_least=0, at_most=1000, unit="m2", example=100.0)
    town: str = assay.Category("north", "south", example="north")
    staff: int = assay.Integer(at_least=0, nullable=True, example=3)


class Shop(Facts):
    """What is kept of a shop."""

    name: str = assay.Text(max_length=80, example="Corner")


shops = assay.Features("shops", Shop, key="shop")
sales = assay.Model("sales", input=Facts, target="sold", features=shops, metric="mae")


@sales.recipe
def linear() -> Any:
    """Linear in size and town."""
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    from assay.recipes import one_hot

    return make_pipeline(one_hot(Facts, ["size", "town"]), LinearRegression())
'''

DATA = '''"""Made-up shops."""

from __future__ import annotations

import numpy as np
import polars as pl

COUNT = 200


def rows() -> pl.DataFrame:
    """What each shop has sold; the last is a shop that nobody knows."""
    draw, told = np.random.default_rng(7), shops()
    sold = 10 * told["size"].to_numpy() + 500 * (told["town"] == "south").to_numpy() + draw.normal(0, 5, COUNT)
    return pl.DataFrame({"shop": [*told["shop"], "nobody"], "sold": [*sold, 1.0]})


def shops() -> pl.DataFrame:
    """Every shop; some do not say how many people work there."""
    draw = np.random.default_rng(8)
    staff = [None if one == 0 else int(one) for one in draw.integers(0, 9, COUNT)]
    return pl.DataFrame({
        "shop": [f"s{place}" for place in range(COUNT)], "size": draw.uniform(20, 400, COUNT).round(0),
        "town": draw.choice(["north", "south"], COUNT), "staff": staff, "name": [f"Shop {place}" for place in range(COUNT)],
    })
'''

API = '''"""Routes of the application's own."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from model import sales, shops

router = APIRouter()


@router.get("/shops/{shop}")
async def shop(shop: str) -> dict[str, Any]:
    """What a shop will sell."""
    known = await shops.find(shop)
    answer = await sales.predict_for(known)
    return {"name": known.values["name"], "sold": answer.prediction, "prediction": answer.id}


@router.get("/brief/{shop}")
async def brief(shop: str) -> float:
    """The same in brief."""
    found: float = (await sales.predict_for(shop)).prediction
    return found


@router.get("/past/{shop}/{at}")
async def past(shop: str, at: int) -> dict[str, Any]:
    """What was known of a shop at a time, in microseconds."""
    return (await shops.as_of(shop, at)).values
'''
SHOP: dict[str, Any] = {"size": 100.0, "town": "south", "staff": 3, "name": "Corner"}


def write(folder: Path) -> Path:
    """The application's files in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("model.py", MODEL), ("data.py", DATA), ("api.py", API)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@cache
def application() -> Path:
    """The folder of the application, with a trained home in `.assay`; leave it as it is."""
    folder = Path(tempfile.mkdtemp(prefix="assay-known-"))
    register(shutil.rmtree, folder, ignore_errors=True)
    assay = Assay.at(write(folder))
    try:
        assay.train(assay.application.model(None), None)
    finally:
        assay.close()
    return folder


@contextmanager
def opened(home: Path, **told: Any) -> Iterator[Assay]:
    """The trained application with a copy of its home in this folder."""
    folder = application()
    shutil.copytree(folder / ".assay", home)
    assay = Assay.at(folder, home=home, **told)
    try:
        yield assay
    finally:
        assay.close()
