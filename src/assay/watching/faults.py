"""Faults with a name: a version that hears speech and no words, that mixes labels up, or that has lost its scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata

from assay.domain.releases.verdict import Check
from assay.measures.confidences import Floats, Truth, across
from assay.measures.resampling import paired
from assay.watching.answers import Evidence

FLAT = 0.01  # confidences of a label that are all within so little of each other say nothing
HEARD = 0.6  # chance gives 0.5; a version that orders no more pairs rightly than this has learnt next to nothing
CHANCE_SD = 3.0  # standard deviations within which chance itself may order pairs
FIRES, FIRES_OFTEN = 0.5, 0.25  # shares of the rows without any label in which one is told: a fault, and worth a look
INVERTED = 0.4  # as HEARD, of rows with a label against rows without any
FEW = 20  # rows of a kind below which nothing is said about the kind
FEW_UNITS = 5  # inputs that a label must be in, for its confidences to be held against another label's
OFTEN = 10  # rows with a label, below which chance makes large differences
SWAPPED = 0.15  # of average precision: honest labels are confused, but fit another's truth better by less than this
SWAPPED_FEW = 0.3  # the same of labels that are there less than OFTEN
SURE = (
    0.999  # share of the resamples in which the other label must fit better; there are many pairs to be mistaken about
)
WEAK = 0.3  # share of the surest that are right, or f1 at its best, below which there is no ranking to be scaled
UNDER, UNDER_A_LITTLE = 0.6, 0.8  # a confidence for how often it is right: a fault (half is below), and worth a look
LOST = 0.5  # f1 at the threshold for the best there is, below which the threshold lies beside the confidences
SUMS = (0.5, 2.0)  # the sum of confidences for the labels that are there

Places = NDArray[np.intp]


def mixed_up(found: Evidence) -> tuple[dict[int, int], Check]:
    """For which label's truth the confidences of another fit surely and clearly better, and the check that says so.

    Labels are given to truths so that the average precisions add up to the most. Where a truth is given another label than
    its own, the recordings are drawn again to see whether that is chance.
    """
    watched = found.watched
    present = watched[found.there[:, watched].any(axis=0)]
    if len(found.labels) < 2 or not len(present):
        return {}, Check(name="labels", passed=True, detail="there are no two labels that could be mixed up")
    fits = np.full((len(found.labels),) * 2, np.nan)
    fits[np.ix_(watched, watched)] = across(found.there[:, watched], found.known[:, watched])
    _, given = linear_sum_assignment(fits[np.ix_(present, watched)], maximize=True)
    swaps = {
        int(mine): int(other)
        for mine, other in zip(present, watched[given], strict=True)
        if mine != other and _fits_better(found, int(mine), int(other))
    }
    told = [
        f"{found.labels[mine]!r} is told by the confidences of {found.labels[other]!r}"
        f" (average precision {fits[mine, other]:.2f}, its own {fits[mine, mine]:.2f})"
        for mine, other in swaps.items()
    ]
    if told:
        return swaps, Check(name="labels", passed=False, detail=f"labels are swapped: {'; '.join(told)}")
    unheard = [found.labels[place] for place in present if _unheard(found, int(place))]
    said = f"each of {len(present)} labels is told by its own confidences"
    if unheard:
        said = f"told about as well as by chance: {', '.join(unheard)}, of {len(present)} labels"
    return swaps, Check(name="labels", passed=True, warned=bool(unheard), detail=said)


def silence(found: Evidence, swaps: dict[int, int]) -> Check:
    """The confidence in a label follows the label, and not merely that there is any; and it does not follow silence.

    Labels that are mixed up are put right first: that is another fault.
    """
    truth, known = found.there, found.known[:, [swaps.get(place, place) for place in range(len(found.labels))]]
    spread = np.ptp(known, axis=0)
    if spread.max() < FLAT:
        said = f"the confidences are about the same everywhere, {known.min():.3g} to {known.max():.3g}"
        return Check(name="silence", passed=False, detail=f"{_deaf(found)}: {said}")
    speaks: Truth = np.asarray(truth.any(axis=1))
    highest = known.max(axis=1)
    quiet = int((~speaks).sum())
    fires = float((highest[~speaks] >= found.threshold).mean()) if quiet else 0.0
    against = _ordered(speaks, highest)
    heard, chance = _between_words(truth[speaks], known[speaks])
    told, warned = [], False
    if quiet >= FEW:
        told.append(f"some label is told in {_percent(fires)} of {quiet:,} {found.rows} without any")
        if (found.sound and fires > FIRES) or (against < INVERTED and speaks.sum() >= FEW):
            said = f"{told[0]}, and {_percent(against)} of the pairs with one that has a label are in the right order"
            return Check(
                name="silence",
                passed=False,
                detail=f"fires on {'silence' if found.sound else 'rows without a label'}: {said}",
            )
        warned = fires > (FIRES_OFTEN if found.sound else FIRES)  # rows without a label are not silent, and labels many
    if np.isfinite(heard) and speaks.sum() >= FEW:
        pairs = f"of two {found.rows} with labels the right one has the higher confidence in {_percent(heard)} (chance: 50 %)"
        if heard < HEARD:
            rest = f"; {found.rows} with labels are told from those without in {_percent(against)}" if quiet else ""
            return Check(name="silence", passed=False, detail=f"{_deaf(found)}: {pairs}{rest}")
        told.append(pairs)
        warned = warned or heard - CHANCE_SD * chance < 0.5
    return Check(name="silence", passed=True, warned=warned, detail="; ".join(told) or "too few rows to say anything")


def scale(found: Evidence) -> Check:
    """Confidences are about as high as they are right, and the threshold lies where it separates."""
    truth, known = found.there, found.known
    count = int(truth.sum())
    order = np.argsort(-known, axis=None, kind="stable")
    ranked, hits = known.ravel()[order], truth.ravel()[order]
    if not count:
        return Check(name="scale", passed=True, detail="no label is there that could be told")
    right, sure = float(hits[:count].mean()), float(ranked[:count].mean())
    best, at = _best_f1(ranked, hits)
    told = int((ranked >= found.threshold).sum())
    caught = int(hits[:told].sum())
    mine = 2 * caught / (told + count)
    sums = float(known.sum()) / count
    said = (
        f"the surest {count:,} confidences are {sure:.2f} in the mean and right in {_percent(right)}; at {found.threshold:g} recall"
        f" is {_percent(caught / count)} and f1 {mine:.2f}, at {at:.2g} it would be {best:.2f}; all confidences sum to"
        f" {known.sum():,.0f}, {count:,} labels are there"
    )
    if max(right, best) < WEAK:
        return Check(name="scale", passed=True, detail=f"nothing is told well enough to be out of scale: {said}")
    beyond_chance = CHANCE_SD * np.sqrt(right * (1 - right) / count)
    if right - sure > beyond_chance and (
        sure < UNDER * right or (sure < UNDER_A_LITTLE * right and mine < LOST * best)
    ):
        low = f"confidences are about {_in_words(sure / right)} what they should be"
        return Check(name="scale", passed=False, detail=f"{low}: {said}")
    if sums > SUMS[1] and mine < LOST * best:
        return Check(name="scale", passed=False, detail=f"confidences are far too high: {said}")
    warned = right - sure > beyond_chance and sure < UNDER_A_LITTLE * right
    return Check(name="scale", passed=True, warned=warned or not SUMS[0] <= sums <= SUMS[1], detail=said)


def _fits_better(found: Evidence, mine: int, other: int) -> bool:
    if found.inputs_with(mine) < FEW_UNITS:
        return False
    here = found.there[:, [mine]]
    clearly = SWAPPED if here.sum() >= OFTEN else SWAPPED_FEW
    units = found.units[found.answered]
    gain = paired(here, found.known[:, [mine]], found.known[:, [other]], units, resamples=1000)
    return gain is not None and gain.value > clearly and gain.better >= SURE


def _unheard(found: Evidence, place: int) -> bool:
    here = found.there[:, place]
    often = found.inputs_with(place) >= FEW_UNITS and here.sum() >= OFTEN
    return bool(often and _ordered(here, found.known[:, place]) < HEARD)


def _deaf(found: Evidence) -> str:
    return "hears no difference between the words" if found.sound else "tells no label from another"


def _between_words(truth: Truth, known: Floats) -> tuple[float, float]:
    """The mean over labels of the share of pairs in the right order, among rows with labels; and what chance makes of it."""
    found = [_ordered(truth[:, place], known[:, place]) for place in range(truth.shape[1])]
    shares = np.array(found)
    there = truth.sum(axis=0)
    pairs = there * (len(truth) - there)
    judged = pairs > 0
    if not judged.any():
        return float("nan"), 0.0
    variances = (len(truth) + 1) / (12 * pairs[judged])
    return float(shares[judged].mean()), float(np.sqrt(variances.sum()) / judged.sum())


def _ordered(here: Truth, said: Floats) -> float:
    """The share of pairs, one row of each kind, in which the one that is true has the higher confidence; equal ones half.

    It is the area under the ROC curve (Mann & Whitney, 1947). NaN where all rows are of one kind.
    """
    yes, no = int(here.sum()), int((~here).sum())
    if not yes or not no:
        return float("nan")
    return float((rankdata(said)[here].sum() - yes * (yes + 1) / 2) / (yes * no))


def _best_f1(ranked: Floats, hits: NDArray[np.bool_]) -> tuple[float, float]:
    """The best f1 that any threshold gives, and the threshold."""
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    found = 2 * np.cumsum(hits)[ends] / (ends + 1 + hits.sum())
    best = int(found.argmax())
    return float(found[best]), float(ranked[ends[best]])


def _in_words(ratio: float) -> str:
    return "half" if 0.4 <= ratio <= UNDER else f"{_percent(ratio)} of"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
