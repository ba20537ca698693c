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
from assay.measures import confidences
from assay.training.lesson import Lesson, answers


@dataclass(frozen=True, kw_only=True)
class Scores:
    """`metrics` over all rows, in the target's unit or a share; `segments` the same by bin, with the bin's "rows".

    A metric that is not defined for the rows (R2 of one row, MAPE where every truth is 0) is left out.
    """

    rows: int
    metrics: dict[str, float]
    segments: dict[str, dict[str, float]]


def evaluate(model: Model[Any], estimator: Any, held_out: Lesson) -> Scores:
    """The scores of a fitted estimator on what was held out; raises BadOutput.

    Floor and rounding are applied to what is served, not to what is judged: a safety net must not flatter a recipe.
    """
    return judged(model, held_out, _answers(model, estimator, held_out))


def _answers(model: Model[Any], estimator: Any, held_out: Lesson) -> NDArray[np.float64]:
    """The estimator's own answers; one that is asked elsewhere is asked for each recording, and not for each second."""
    audio = model.contract.audio
    if audio is None or not hasattr(estimator, "predict_recordings"):
        return answers(model, estimator, held_out.asked)
    seconds = np.bincount(held_out.row, minlength=held_out.rows.height)
    return np.asarray(estimator.predict_recordings(held_out.rows[audio].to_list(), seconds.tolist()), np.float64)


def judged(model: Model[Any], held_out: Lesson, answered: NDArray[np.float64]) -> Scores:
    """The scores of given answers to a lesson; of labels, each label is a segment, with the rows in which it is there."""
    if not model.labels:
        return score(held_out.truth, answered, held_out.rows, model.segments)
    labels = tuple(model.labels)
    return Scores(
        rows=len(held_out.truth), metrics=confidences.metrics(held_out.truth, answered, labels, model.threshold),
        segments=confidences.by_label(held_out.truth, answered, labels, model.threshold),
    )  # fmt: skip


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
