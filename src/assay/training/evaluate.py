"""Measures how far a fitted estimator's own answers are from the truth, before any floor flatters them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.domain.model import Model
from assay.errors import BadOutput


@dataclass(frozen=True, kw_only=True)
class Scores:
    """`metrics` over all rows, in the target's unit or a share; `segments` the same by bin, with the bin's "rows".

    A metric that is not defined for the rows (R2 of one row, MAPE where every truth is 0) is left out.
    """

    rows: int
    metrics: dict[str, float]
    segments: dict[str, dict[str, float]]


def evaluate(model: Model[Any], estimator: Any, rows: pl.DataFrame) -> Scores:
    """The scores of a fitted estimator on `rows`, which hold the fields and the target; raises BadOutput."""
    answers = answer(model, estimator, rows)
    return score(rows[model.target].to_numpy(), answers, rows, model.segments)


def answer(model: Model[Any], estimator: Any, rows: pl.DataFrame) -> NDArray[np.float64]:
    """float64 [n]: what the estimator itself answers; raises BadOutput.

    Floor and rounding are applied to what is served, not to what is judged: a safety net must not flatter a recipe.
    """
    raw = np.asarray(estimator.predict(rows.select(list(model.fields))), dtype=np.float64).reshape(-1)
    if len(raw) != rows.height or not np.isfinite(raw).all():
        raise BadOutput(f"{rows.height} rows were asked, and {int(np.isfinite(raw).sum())} finite answers came.")
    return raw


def score(
    truth: NDArray[Any], answers: NDArray[np.float64], rows: pl.DataFrame, segments: Mapping[str, Sequence[float]]
) -> Scores:
    """The scores of given answers. A bin holds its lower edge and not its upper one; what is beyond the edges counts
    as two bins more, which are left out where they are empty."""
    known = np.asarray(truth, dtype=np.float64)
    found = {
        name: {"rows": float(inside.sum())} | metrics(known[inside], answers[inside])
        for column, edges in segments.items()
        for name, inside in bins(column, rows[column].cast(pl.Float64).fill_null(np.nan).to_numpy(), edges)
    }
    return Scores(rows=len(known), metrics=metrics(known, answers), segments=found)


def metrics(truth: NDArray[np.float64], answers: NDArray[np.float64]) -> dict[str, float]:
    """MAE and RMSE in the target's unit, MAPE as a share of the truth over rows whose truth is not 0, and R2."""
    if len(truth) == 0:
        return {}
    error = answers - truth
    found = {"mae": float(np.abs(error).mean()), "rmse": float(np.sqrt(np.square(error).mean()))}
    some = truth != 0
    if some.any():
        found["mape"] = float(np.abs(error[some] / truth[some]).mean())
    spread = float(np.square(truth - truth.mean()).sum())
    if spread > 0:
        found["r2"] = 1.0 - float(np.square(error).sum()) / spread
    return found


def bins(column: str, values: NDArray[np.float64], edges: Sequence[float]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if not edges:
        return
    below, above = values < edges[0], values >= edges[-1]
    if below.any():
        yield f"{column} <{edges[0]:g}", below
    for low, high in pairwise(edges):
        yield f"{column} {low:g}-{high:g}", (values >= low) & (values < high)
    if above.any():
        yield f"{column} >={edges[-1]:g}", above
