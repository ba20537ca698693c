"""Recognises by name what makes fresh rows harmful to learn from, held against the rows that are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import ks_2samp, rankdata

from assay.domain.model import Model
from assay.training.fresh.reference import Reference, code
from assay.training.sifting import Defect, Sifted, wanted

MOST_BROKEN = 0.05  # of a part's rows
FEWEST = 30  # rows on which a figure is believed
FEWEST_CONSTANT = 10
RETURNED, RETURNED_SHARE, CERTAIN = 10, 0.5, 4.0  # rows, their share of the known ones, standard errors
TELLING, TOLD_BEFORE, TELLING_AT_ONCE = 0.9999, 0.99, 0.99999
FACTORS = tuple(
    factor for one in (25.4, 2.54, 10, 100, 1000, 5, 4.184, 3.6, 2.2046, 28.35, 30.48, 1e6) for factor in (one, 1 / one)
)
NEAR, FAR, WORTH_A_LOOK = np.log(1.13), np.log(3), np.log(1.6)  # of a ratio of medians
WELL, FALLEN = 0.5, 0.5  # a rank correlation, and by how much it must be lower
WIDER = 1.25  # how many times as far from the reference as the known rows are
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def too_many_faults(part: Sifted) -> Defect | None:
    """More than 5 % of the part's rows break a rule of a field."""
    if part.broken <= MOST_BROKEN * part.typed.height:
        return None
    reasons = pl.Series([one.reason for one in part.removed]).value_counts(sort=True)
    said = f"{part.broken:,} of {part.typed.height:,} rows break a field's rule (at most {MOST_BROKEN:.0%} may)"
    return Defect("too_many_faults", f"{said}; most often {reasons.item(0, 0)}.")


def held_out_returned(known: int, held_out: int, expected: float) -> Defect | None:
    """Of a part's known rows, more are held out than chance would bring together: somebody hands the test back."""
    if held_out < RETURNED or held_out < RETURNED_SHARE * known:
        return None
    certain = (held_out - expected * known) / np.sqrt(max(expected * (1 - expected), 1e-9) * known)
    if certain < CERTAIN:
        return None
    share = f"{held_out:,} of the {known:,} known rows are held out ({held_out / known:.0%}, by chance {expected:.0%})"
    return Defect("held_out_returned", f"{share}: rows that versions are judged by would be learnt from.")


def target_constant(model: Model[Any], fresh: pl.DataFrame) -> Defect | None:
    """The target is the same in all of the rows."""
    if fresh.height < FEWEST_CONSTANT or fresh[model.target].n_unique() > 1:
        return None
    value = f"{fresh[model.target][0]:g}"
    return Defect("target_constant", f"{model.target}: is the same in all of {fresh.height:,} rows, {value}.")


def target_leak(model: Model[Any], fresh: pl.DataFrame, known: pl.DataFrame | None) -> Defect | None:
    """A field tells the target (rank correlation or, where not monotone, dependence over 0.9999) that did not before.

    In first rows a field is refused that tells it to over 0.99999, as nothing but the target itself does, unless it is the
    only one: then there is nothing else to learn from.
    """
    if fresh.height < FEWEST or (known is None and len(model.fields) == 1):
        return None
    columns = wanted(model)
    for name, field in model.fields.items():
        found = telling(code(fresh[name], field), code(fresh[model.target], columns[model.target]))
        if found <= (TELLING_AT_ONCE if known is None else TELLING):
            continue
        before = (
            telling(code(known[name], field), code(known[model.target], columns[model.target]))
            if known is not None
            else 0.0
        )
        if before <= TOLD_BEFORE:
            was = f" and was {before:.4f} in the known rows" if known is not None else ""
            said = f"{name!r} tells the target {model.target!r}: their rank correlation is {found:.6f}{was}"
            return Defect("target_leak", f"{said}; leave the column out, or say how it comes to be known beforehand.")
    return None


def telling(values: Floats, target: Floats) -> float:
    """How surely values tell a target, 0 to 1: Spearman's rank correlation, or the rank correlation of Chatterjee.

    The second (A new coefficient of correlation, 2021) is 1 where the target is any function of the values; it is divided
    by what it is at most for so many rows. Where values repeat, as words do, only the first is believed.
    """
    both = np.isfinite(values) & np.isfinite(target)
    values, target, count = values[both], target[both], int(both.sum())
    if count < FEWEST or np.ptp(values) == 0 or np.ptp(target) == 0:
        return 0.0
    ranks = rankdata(target)
    monotone = abs(float(np.corrcoef(rankdata(values), ranks)[0, 1]))
    if len(np.unique(values)) < 0.9 * count:
        return monotone
    ordered = ranks[np.argsort(values, kind="stable")]
    steps = 3 * float(np.abs(np.diff(ordered)).sum()) / (count**2 - 1)
    return max(monotone, min((1 - steps) / (1 - 3 / (count + 1)), 1.0))


def unit_change(reference: Reference, rows: pl.DataFrame) -> Defect | None:
    """A numeric column, the target included, is in another unit: its values are the known ones times a factor."""
    for name, field in wanted(reference.model).items():
        ratio = _ratio(reference, name, rows) if field.numeric else None
        if ratio is not None:
            medians = f"its median is {_median(rows, name):.4g} and was {_median(reference.learnt, name):.4g}"
            said = f"the values of {name!r} are about {ratio:.4g} times those of the known rows; {medians}"
            return Defect("unit_change", f"{said}. Is it in another unit?")
    return None


def _ratio(reference: Reference, name: str, rows: pl.DataFrame) -> float | None:
    """The factor by which a column is off, or None.

    A different mix of rows moves a median too. So what counts is how far values are from what the other columns of their
    own row say; where those are off as well, that, and the whole distribution having been moved in one piece.
    """
    known, given = _logarithms(reference.learnt[name]), _logarithms(rows[name])
    if len(known) < FEWEST or len(given) < FEWEST:
        return None
    moved = float(np.median(given) - np.median(known))
    if abs(moved) < WORTH_A_LOOK and ks_2samp(given, known).statistic < 0.3:
        return None
    if not reference.scalable(name):
        return None
    before = _off(reference, name, reference.held_out if reference.held_out.height >= FEWEST else reference.learnt)
    after = _off(reference, name, rows)
    off = float(np.median(after) - np.median(before))
    alike = 0.5 < (_spread(after) + 1e-3) / (_spread(before) + 1e-3) < 3
    if alike and _is_factor(off):
        return float(np.exp(off))
    if not 0.6 < (_spread(given) + 1e-3) / (_spread(known) + 1e-3) < 1.6 or off * moved <= 0 or abs(off) < np.log(2):
        return None
    # where values are few, the median jumps between them: a factor that is known may fit better
    factors = [moved, *(np.log(factor) for factor in FACTORS if abs(moved - np.log(factor)) < 3 * NEAR)]
    apart, moved = min((float(ks_2samp(given - one, known).statistic), one) for one in factors)
    return float(np.exp(moved)) if apart < 0.2 and _is_factor(moved) else None


def _is_factor(off: float) -> bool:
    return abs(off) > FAR or any(abs(off - np.log(factor)) < NEAR for factor in FACTORS)


def _off(reference: Reference, name: str, rows: pl.DataFrame) -> Floats:
    differences = reference.scaled(name, rows) - reference.predicted(name, rows)
    return differences[np.isfinite(differences)]


def _logarithms(column: pl.Series) -> Floats:
    values = np.abs(column.drop_nulls().cast(pl.Float64).to_numpy())
    found: Floats = np.log(values[np.isfinite(values) & (values > 0)])
    return found


def _spread(values: Floats) -> float:
    low, high = np.quantile(values, [0.1, 0.9])
    return float(high - low)


def _median(rows: pl.DataFrame, name: str) -> float:
    return float(np.nanmedian(rows[name].drop_nulls().cast(pl.Float64).to_numpy()))


def labels_flipped(reference: Reference, fresh: pl.DataFrame) -> Defect | None:
    """In some segment the targets contradict what the known rows teach, which holds there for rows held out.

    Rows beyond the known ranges are not judged: nothing is known about them. A narrower mix of rows lowers a correlation
    as well, but does not take targets further from the reference.
    """
    target = reference.model.target
    inside = fresh.filter(pl.all_horizontal(pl.col(name).is_between(*ends) for name, ends in reference.ranges.items()))
    if inside.height < FEWEST or reference.held_out.height < FEWEST:
        return None
    known, given = (
        (reference.predicted(target, rows), reference.scaled(target, rows)) for rows in (reference.held_out, inside)
    )
    found = [
        (after - before, segment, before, after, count)
        for segment, of_known, of_given in _segments(reference.model, reference.held_out, inside)
        for before, after, count in _contradicted(known, of_known, given, of_given)
    ]
    if not found:
        return None
    _, segment, before, after, count = min(found)
    said = f"in {count:,} rows of {segment} the rank correlation of {target!r} with what the known rows teach is {after:.2f}"
    return Defect("labels_flipped", f"{said}; in rows held out it is {before:.2f}. Were targets mixed up?")


def _contradicted(
    known: tuple[Floats, Floats], of_known: Mask, given: tuple[Floats, Floats], of_given: Mask
) -> Iterator[tuple[float, float, int]]:
    """The two correlations and the number of rows, where they contradict each other beyond doubt."""
    told, was = _finite(known[0][of_known], known[1][of_known])
    asked, now = _finite(given[0][of_given], given[1][of_given])
    if min(len(was), len(now)) < FEWEST:
        return
    before, after = _correlation(told, was), _correlation(asked, now)
    if before <= WELL or (after >= 0 and after > before - FALLEN):
        return
    error = np.sqrt(1.06 / (len(was) - 3) + 1.06 / (len(now) - 3))  # of Fisher's transform, for ranks (Fieller 1957)
    certain = (np.arctanh(min(before, 0.9999)) - np.arctanh(max(after, -0.9999))) / error
    if certain >= CERTAIN and _distance(asked, now) > WIDER * _distance(told, was):
        yield before, after, len(now)


def _finite(told: Floats, was: Floats) -> tuple[Floats, Floats]:
    both = np.isfinite(told) & np.isfinite(was)
    return told[both], was[both]


def _distance(told: Floats, was: Floats) -> float:
    apart = was - told
    return float(np.median(np.abs(apart - np.median(apart))))


def _correlation(one: Floats, other: Floats) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def _segments(model: Model[Any], known: pl.DataFrame, given: pl.DataFrame) -> Iterator[tuple[str, Mask, Mask]]:
    """All rows, each word of each grade and category, and each bin of the model's segments."""
    yield "all", np.ones(known.height, bool), np.ones(given.height, bool)
    for name, field in model.fields.items():
        for word in field.values:
            yield f"{name} {word}", _is(known[name], word), _is(given[name], word)
    for name, edges in model.segments.items():
        for low, high in _bins(edges) if name in known.columns else ():
            yield f"{name} {low:g} to {high:g}", _within(known[name], low, high), _within(given[name], low, high)


def _is(column: pl.Series, word: str) -> Mask:
    found: Mask = (column == word).fill_null(value=False).to_numpy()
    return found


def _bins(edges: Sequence[float]) -> list[tuple[float, float]]:
    limits = [*edges, float("inf")]
    return list(pairwise(limits))


def _within(column: pl.Series, low: float, high: float) -> Mask:
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    found: Mask = (values >= low) & (values < high)
    return found
