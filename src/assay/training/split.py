"""Splits rows into those that are learnt from and those that are held out, and keeps each row on its side."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.errors import DataInvalid

HELD_OUT, PART = "__held_out", "__part"  # columns of a snapshot's file: the row's side, and which snapshot brought it
Places = NDArray[np.intp]


def split(rows: pl.DataFrame, test_size: float, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Training rows and held-out rows, without the columns that say so.

    A snapshot's own column decides; rows without it (snapshots of an older Assay) are drawn as scikit-learn's
    `train_test_split` draws, `test_size` being the share that is held out. Where the column says what would be drawn, the
    order is the drawn one, too: learners that sample rows depend on it. Raises DataInvalid where a side would be empty.
    """
    if HELD_OUT not in rows.columns:
        train, test = draw(rows.height, test_size, seed)
        return rows[train], rows[test]
    held = rows[HELD_OUT].to_numpy()
    bare = rows.drop(HELD_OUT, PART, strict=False)
    sides = _as_drawn(held, test_size, seed) or (np.flatnonzero(~held), np.flatnonzero(held))
    if not all(len(side) for side in sides):
        raise DataInvalid(f"{rows.height} rows are too few to hold out a share of {test_size:g}.")
    return bare[sides[0]], bare[sides[1]]


def draw(count: int, test_size: float, seed: int) -> tuple[Places, Places]:
    """The places of rows to learn from and of rows to hold out, as scikit-learn draws; raises DataInvalid."""
    from sklearn.model_selection import train_test_split  # noqa: PLC0415 - a second that reading sides does not pay

    try:
        train, test = train_test_split(np.arange(count), test_size=test_size, random_state=seed)
    except ValueError as error:
        raise DataInvalid(f"{count} rows are too few to hold out a share of {test_size:g}.") from error
    return train, test


def sides(count: int, test_size: float, seed: int) -> pl.Series:
    """Whether each row is held out; of fewer than two rows, none is."""
    held = np.zeros(count, bool)
    if count > 1:
        held[draw(count, test_size, seed)[1]] = True
    return pl.Series(HELD_OUT, held)


def newest(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that the newest snapshot brought, on both sides; all of them where nothing says which did."""
    return rows.filter(pl.col(PART) == pl.col(PART).max()) if PART in rows.columns else rows


def _as_drawn(held: NDArray[np.bool_], test_size: float, seed: int) -> tuple[Places, Places] | None:
    if len(held) < 2:
        return None
    train, test = draw(len(held), test_size, seed)
    return (train, test) if int(held.sum()) == len(test) and held[test].all() else None
