"""A tiny application that is trained once a process, and copied for every test that wants a home of its own."""

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
from assay.domain.question.contract import Contract, Similar, Target
from assay.domain.question.field import Field

MODEL = '''"""What is this stone worth?"""

from __future__ import annotations

from typing import Any

import assay


class Stone(assay.Input):
    """A stone in brief."""

    carat: float = assay.Number(above=0, at_most=20, unit="ct", description="Weight", example=1.0)
    cut: str = assay.Grade("Fair", "Good", "Ideal", example="Ideal")
    color: str = assay.Category("D", "E", "F", example="E")


stone = assay.Model(
    "stone", input=Stone, target="price", unit="USD", floor=1.0, decimals=2, similar_by="carat", segments={"carat": [0, 1]}
)


@stone.clean
def plausible(rows: Any) -> Any:
    """A stone has a price."""
    return rows["price"] > 0


@stone.recipe
def linear() -> Any:
    """Linear in weight and words."""
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    from assay.recipes import one_hot

    return make_pipeline(one_hot(Stone), LinearRegression())


@stone.recipe
def rough() -> Any:
    """Linear in weight alone."""
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    from assay.recipes import one_hot

    return make_pipeline(one_hot(Stone, ["carat"]), LinearRegression())


@stone.recipe
def broken() -> Any:
    """Never works."""
    raise RuntimeError("out of order")
'''

DATA = '''"""Made-up stones."""

from __future__ import annotations

import numpy as np
import polars as pl


def rows(count: int = 300, seed: int = 7) -> pl.DataFrame:
    """`count` stones, the same for the same seed; the last two have no price."""
    draw = np.random.default_rng(seed)
    carat = draw.uniform(0.2, 3, count).round(2)
    cut, color = draw.choice(["Fair", "Good", "Ideal"], count), draw.choice(list("DEF"), count)
    price = (1000 * carat + 300 * (cut == "Ideal") + draw.normal(0, 20, count)).round(0) + 500
    price[-2:] = -1
    return pl.DataFrame({"carat": carat, "cut": cut, "color": color, "price": price, "note": ["unused"] * count})
'''

API = '''"""Routes of the application's own."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Query

from model import Stone, stone

router = APIRouter()


@router.post("/price")
async def price(asked: Stone) -> dict[str, Any]:
    """One price."""
    answer = await stone.predict(asked)
    return {"price": answer.prediction, "version": answer.version, "prediction_id": answer.id}


@router.post("/reasons")
async def reasons(asked: Stone) -> dict[str, Any]:
    """One price with its reasons."""
    answer = await stone.explain(asked)
    return {"base": answer.base, "sum": answer.base + sum(part.contribution for part in answer.parts), "price": answer.prediction}


@router.post("/like")
async def like(asked: Stone, n: int = Query(3, ge=1, le=9)) -> list[dict[str, Any]]:
    """Stones like this one."""
    return await stone.similar({"carat": asked.carat, "cut": asked.cut, "color": asked.color}, n)


@router.get("/crash")
async def crash() -> dict[str, Any]:
    """Fails."""
    raise RuntimeError("the secret is 4711")


@router.get("/teapot")
async def teapot() -> dict[str, Any]:
    """Refuses in its own way."""
    raise HTTPException(418, "short and stout")
'''

QUESTION: dict[str, Any] = {"carat": 1.0, "cut": "Ideal", "color": "E"}
LINEAR, ROUGH, BROKEN = 1, 2, 3  # the versions, in the order of the recipes

FIELDS = {
    "carat": Field(kind="number", above=0, at_most=20, unit="ct", example=1.0),
    "cut": Field(kind="grade", values=("Fair", "Good", "Ideal"), example="Ideal"),
    "color": Field(kind="category", values=("D", "E", "F"), example="E"),
}
CONTRACT = Contract(
    model="stone", fields=FIELDS, target=Target(name="price", unit="USD", floor=1.0, decimals=2), metric="mae",
    similar=Similar(equal=("cut", "color"), nearest="carat"),
)  # fmt: skip


def write(folder: Path) -> Path:
    """The application's files in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("model.py", MODEL), ("data.py", DATA), ("api.py", API)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@cache
def application() -> Path:
    """The folder of the application, with a trained home in `.assay`; made once a process. Leave it as it is."""
    folder = Path(tempfile.mkdtemp(prefix="assay-tiny-"))
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
