"""Holds the fresh rows of one part against what is known, and answers with the first defect."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from assay.domain.model import Model
from assay.errors import DataInvalid
from assay.training.fresh.defects import (
    held_out_returned,
    labels_flipped,
    target_constant,
    target_leak,
    too_many_faults,
    unit_change,
)
from assay.training.fresh.reference import Reference
from assay.training.sifting import Defect, Sifted, kind_of, wanted
from assay.training.split import HELD_OUT, PART, sides


@dataclass(frozen=True)
class Known:
    """The rows of an earlier snapshot, its `dataset`: fields, target, `__held_out` and `__part`.

    Rows from `elsewhere` are of another place than those that are held against them.
    """

    dataset: str
    model: Model[Any]
    rows: pl.DataFrame
    elsewhere: bool = False

    @classmethod
    def of(cls, model: Model[Any], dataset: str, rows: pl.DataFrame, *, elsewhere: bool = False) -> Known:
        """A snapshot's rows, as read from its file; where it does not say which were held out, they are drawn.

        Raises DataInvalid where it lacks a column that the model asks about by now: then a new history begins without.
        """
        columns = wanted(model)
        missing = [name for name in columns if name not in rows.columns]
        if missing:
            raise DataInvalid(
                f"The dataset {dataset[:12]} has no column {missing[0]!r}, which {model.name!r} asks about."
            )
        typed = rows.select(pl.col(name).cast(kind_of(field), strict=False) for name, field in columns.items())
        held = rows[HELD_OUT] if HELD_OUT in rows.columns else sides(rows.height, model.test_size, model.seed)
        part = rows[PART] if PART in rows.columns else pl.repeat(0, rows.height, dtype=pl.Int32, eager=True).alias(PART)
        return cls(dataset, model, typed.with_columns(held, part), elsewhere)

    @cached_property
    def bare(self) -> pl.DataFrame:
        """Fields and target only."""
        return self.rows.drop(HELD_OUT, PART)

    @cached_property
    def share(self) -> float:
        """Which share of the rows is held out."""
        return float(self.rows[HELD_OUT].mean() or 0.0)  # type: ignore[arg-type]  # a share, in a column of flags

    @cached_property
    def reference(self) -> Reference:
        """What these rows teach."""
        held = self.rows[HELD_OUT]
        return Reference(self.model, self.bare.filter(~held), self.bare.filter(held))


def suspect(model: Model[Any], part: Sifted, fresh: pl.DataFrame, known: Known | None, *, alone: bool) -> Defect | None:
    """Why the part must not be learnt from, or None.

    `fresh` are its kept rows that are not known. First rows are held against themselves only, and if they came `alone`
    any number of them may be set aside. A part without a fresh row can do no harm but one: to hand back the test.
    What the target is suspected of is said of numbers only; labels are held against a control set.
    """
    if model.labels:
        returned = None if known is None else _returned(part, known)
        return returned or (None if alone and known is None else too_many_faults(part))
    if known is None:
        faults = None if alone else too_many_faults(part)
        return faults or target_constant(model, part.kept) or target_leak(model, part.kept, None)
    returned = _returned(part, known)
    if returned is not None or (not fresh.height and part.kept.height):
        return returned
    return (
        target_constant(model, fresh)
        or target_leak(model, fresh, known.bare)
        or unit_change(known.reference, _unseen(part, known))
        or too_many_faults(part)
        or labels_flipped(known.reference, fresh)
    )


def _returned(part: Sifted, known: Known) -> Defect | None:
    columns = part.kept.columns
    met = known.rows.join(part.kept, on=columns, how="semi", nulls_equal=True)
    return held_out_returned(met.height, int(met[HELD_OUT].sum()), known.share)


def _unseen(part: Sifted, known: Known) -> pl.DataFrame:
    """All rows that are not known, those set aside too: another unit soon breaks a field's rule."""
    return part.typed.join(known.bare, on=part.typed.columns, how="anti", nulls_equal=True)
