"""A quick model of the known rows, against which fresh ones are held."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from assay.domain.model import Model
from assay.domain.question.field import Field
from assay.training.sifting import wanted

MOST_ROWS = 5000
MOSTLY = 0.8
Floats = NDArray[np.float64]


class Reference:
    """What the rows that were learnt from teach; each estimator is fitted when it is first asked."""

    def __init__(self, model: Model[Any], learnt: pl.DataFrame, held_out: pl.DataFrame) -> None:
        self.model = model
        self.learnt = _sampled(learnt)
        self.held_out = held_out
        self._columns = wanted(model)
        self._fitted: dict[str, Any] = {}

    def predicted(self, name: str, rows: pl.DataFrame) -> Floats:
        """What the other columns of these rows say about one numeric column, on its scale; float64 of shape (rows,)."""
        others = {one: field for one, field in self._columns.items() if one != name}
        with threadpool_limits(1):  # so little work is slower in threads that wait for each other
            if name not in self._fitted:
                self._fitted[name] = _fit(coded(self.learnt, others), self.scaled(name, self.learnt))
            found: Floats = self._fitted[name].predict(coded(rows, others))
        return found

    def scaled(self, name: str, rows: pl.DataFrame) -> Floats:
        """A column's values; of a `scalable` one their logarithms, NaN for 0."""
        values = _numbers(rows[name])
        if not self.scalable(name):
            return values
        found = np.full(len(values), np.nan)
        return np.log(values, out=found, where=values > 0)

    def scalable(self, name: str) -> bool:
        """Whether the known values can be thought of in ratios: none is negative, and most are not 0."""
        known = _numbers(self.learnt[name].drop_nulls())
        return len(known) > 0 and bool(known.min() >= 0) and float(np.mean(known > 0)) > MOSTLY

    @cached_property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The extremes of each numeric field among the known rows."""
        return {
            name: (float(np.nanmin(values)), float(np.nanmax(values)))
            for name, field in self.model.fields.items()
            if field.numeric and np.isfinite(values := _numbers(self.learnt[name])).any()
        }


def coded(rows: pl.DataFrame, fields: Mapping[str, Field]) -> Floats:
    """The columns as numbers, float64 of shape (rows, fields): words by their place, texts by their length, null as NaN."""
    columns = [code(rows[name], field) for name, field in fields.items()]
    return np.column_stack(columns) if columns else np.zeros((rows.height, 0))


def code(column: pl.Series, field: Field) -> Floats:
    """One column as numbers."""
    if field.values:
        places = {word: float(at) for at, word in enumerate(field.values)}
        return _numbers(column.replace_strict(places, default=None, return_dtype=pl.Float64))
    if field.kind == "text":
        told = column.cast(pl.Float64, strict=False)  # a text may hold a number
        return _numbers(column.str.len_chars() if told.null_count() else told)
    return _numbers(column)


def _numbers(column: pl.Series) -> Floats:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _fit(features: Floats, target: Floats) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415 - most parts are judged without it

    usable = np.isfinite(target)
    features = np.where(np.isfinite(features[usable]).any(axis=0), features, 0.0)  # it cannot bin a column of nulls
    trees = HistGradientBoostingRegressor(max_iter=80, max_leaf_nodes=15, early_stopping=False, random_state=0)
    return trees.fit(features[usable], target[usable])


def _sampled(rows: pl.DataFrame) -> pl.DataFrame:
    """At most 5,000 rows, evenly taken, so that each snapshot's are among them."""
    if rows.height <= MOST_ROWS:
        return rows
    return rows[np.linspace(0, rows.height - 1, MOST_ROWS).round().astype(int)]
