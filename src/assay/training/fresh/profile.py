"""How the values of each column are spread, in fixed bins, so that later rows can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from assay.domain.question.field import Field

BINS = 20
WORDS = 100
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def profile(rows: pl.DataFrame, fields: Mapping[str, Field]) -> dict[str, Any]:
    """By column, for JSON: what `numbers` or `words` says; of free texts, the numbers of characters only."""
    return {name: _column(rows[name], field) for name, field in fields.items()}


def numbers(column: pl.Series) -> dict[str, Any]:
    """Count, nulls, extremes, mean, standard deviation, quantiles, and the counts in at most 20 bins.

    The bins hold about equally many of these values; `edges` are their limits, one more than there are `counts`. A bin
    holds its lower edge and not its upper one, the last holds both. Values beyond the outer edges belong to the outer bins.
    """
    values = column.drop_nulls().cast(pl.Float64).to_numpy()
    found: dict[str, Any] = {"kind": "numbers", "count": len(values), "nulls": column.null_count()}
    if not len(values):
        return found | {"edges": [], "counts": []}
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)))
    edges = edges if len(edges) > 1 else np.repeat(edges, 2)
    counts = np.histogram(values, edges)[0] if edges[0] < edges[-1] else np.array([len(values)])
    return found | {
        "min": float(values.min()), "max": float(values.max()), "mean": float(values.mean()), "std": float(values.std()),
        "quantiles": {f"{q:g}": float(v) for q, v in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)},
        "edges": edges.tolist(), "counts": counts.tolist(),
    }  # fmt: skip


def words(column: pl.Series) -> dict[str, Any]:
    """Count, nulls, how often each of the 100 most frequent words stands there, and how often others do."""
    counted = (
        column.drop_nulls().cast(pl.String).value_counts(name="n").sort(["n", column.name], descending=[True, False])
    )
    kept = dict(counted.head(WORDS).iter_rows())
    given = len(column) - column.null_count()
    return {
        "kind": "words", "count": given, "nulls": column.null_count(), "values": kept, "others": given - sum(kept.values())
    }  # fmt: skip


def _column(column: pl.Series, field: Field) -> dict[str, Any]:
    if field.kind == "text":
        return numbers(column.str.len_chars()) | {"kind": "lengths"}
    return numbers(column) if field.numeric else words(column)
