"""Versions of the tiny application that answer as a test tells them, on rows of the test's own."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import polars as pl
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from assay.app import Assay
from assay.clock import now_us
from assay.domain.dataset import Dataset
from assay.domain.version import Version
from assay.recipes import ordinal
from assay.releasing.register import Parts
from assay.serving.engines.compile import compile_pipeline
from assay.serving.similar import rows_file
from assay.store.files.formats import dump_pipeline
from tests import rows

NOISE = 20.0  # of the tiny application's prices


def stones(count: int, *, seed: int = 99, held_out: bool = True, part: int = 0) -> pl.DataFrame:
    """Stones as the tiny application makes them, with a price for each; all held out, or all to learn from."""
    draw = np.random.default_rng(seed)
    carat = draw.uniform(0.2, 3, count).round(4)
    cut, color = draw.choice(["Fair", "Good", "Ideal"], count), draw.choice(list("DEF"), count)
    price = 500 + 1000 * carat + 300 * (cut == "Ideal") + draw.normal(0, NOISE, count)
    made = pl.DataFrame({"carat": carat, "cut": cut, "color": color, "price": price})
    return made.with_columns(pl.lit(held_out).alias("__held_out"), pl.lit(part).alias("__part"))


def keep(assay: Assay, table: pl.DataFrame) -> Dataset:
    """The rows as a dataset of the application's model."""
    file = io.BytesIO()
    table.write_parquet(file)
    assay.artifacts.put(file.getvalue())
    return rows.dataset(id=hashlib.sha256(file.getvalue()).hexdigest(), rows=table.height, created_at=now_us())


def plant(assay: Assay, table: pl.DataFrame, answers: Any) -> Version:
    """A registered version that gives these answers to the rows of the table, in which no two stones are alike."""
    model = assay.application.model(None)
    fields = list(model.fields)
    estimator = make_pipeline(ordinal(model.input), DecisionTreeRegressor(random_state=0))
    estimator.fit(table.select(fields), np.asarray(answers))
    parts = Parts(
        contract=model.contract, pipeline=dump_pipeline(estimator, ()), engine_note="planted",
        graph=compile_pipeline(estimator, model.contract),
        rows=rows_file(table.select(*fields, model.target).to_dict(as_series=False), model.contract),
        questions=table.select(fields).head(5).to_dicts(),
    )  # fmt: skip
    dataset = keep(assay, table)
    planted = assay.registrar.register(
        rows.version(recipe="planted", dataset=dataset.id, manifest=None), parts, dataset
    )
    assert planted.status == "ready", planted.error
    return planted


def linear(table: pl.DataFrame) -> Any:
    """Nearly what the tiny application's first version answers: the price without its noise."""
    return 500 + 1000 * table["carat"].to_numpy() + 300 * (table["cut"] == "Ideal").to_numpy()
