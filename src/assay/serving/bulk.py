"""Many questions at once, column by column: the whole table in chunks, as many at a time as there are processors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import BadOutput, NoNumber
from assay.serving.engines.compiled import Floats, GraphEngine
from assay.serving.loaded import LoadedVersion

CHUNK = 16_384


def score(version: LoadedVersion, columns: Mapping[str, NDArray[Any]]) -> list[float]:
    """One finished answer a row, the same as each row would get alone.

    `columns` holds each field of the contract as an array [n] of values that its rule allows: float64 (a missing number
    is NaN), int64, bool, or objects that are strings. Raises BadOutput, ModelFailed or ModelTimedOut;
    NoNumber where the version answers with labels.
    """
    if version.contract.target.labels:
        raise NoNumber
    rows = len(next(iter(columns.values())))
    starts = range(0, rows, CHUNK)
    # a compiled graph runs without the interpreter's lock; a model in a process of its own answers one call at a time
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        parts = list(pool.map(lambda start: _chunk(version, columns, start), starts))
    return [value for part in parts for value in part]


def _chunk(version: LoadedVersion, columns: Mapping[str, NDArray[Any]], start: int) -> list[float]:
    cut: dict[str, Any] = {name: columns[name][start : start + CHUNK] for name in version.contract.fields}
    rows = len(next(iter(cut.values())))
    if not isinstance(version.engine, GraphEngine):
        cut = {name: _plain(values) for name, values in cut.items()}
    found: Floats = version.engine.run(cut)
    if len(found) != rows or not np.isfinite(found).all():
        raise BadOutput(f"The model did not give a finite number for each of the rows {start + 1} to {start + rows}.")
    return version.contract.target.finish(found.tolist())


def _plain(values: NDArray[Any]) -> list[Any]:
    """Values as a message carries them."""
    if values.dtype.kind != "f":
        return list(values.tolist())
    return [None if value != value else value for value in values.tolist()]
