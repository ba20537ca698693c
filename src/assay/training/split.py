"""Splits rows into those that are learnt from and those that are held out."""

from __future__ import annotations

import numpy as np
import polars as pl
from sklearn.model_selection import train_test_split

from assay.errors import DataInvalid


def split(rows: pl.DataFrame, test_size: float, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Training rows and held-out rows, the same ones in the same order as scikit-learn's `train_test_split` draws.

    `test_size` is the share that is held out. Raises DataInvalid where a part would be empty.
    """
    try:
        train, test = train_test_split(np.arange(rows.height), test_size=test_size, random_state=seed)
    except ValueError as error:
        raise DataInvalid(f"{rows.height} rows are too few to hold out a share of {test_size:g}.") from error
    return rows[train], rows[test]
