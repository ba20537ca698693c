"""Measures confidences of labels against what was there: each row has every label or not, and each is told with a confidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Truth = NDArray[np.bool_]
Told = NDArray[np.floating]
Floats = NDArray[np.float64]

SUREST = float(np.finfo(np.float32).eps)  # no confidence counts as surer than float32 can tell from 0 or 1
BINS = 10  # of confidences, for the calibration error


def metrics(truth: Truth, told: Told, labels: Sequence[str], threshold: float) -> dict[str, float]:
    """The metrics over all labels, of truth bool [n, labels] and confidences float [n, labels].

    `average_precision` is the mean over the labels that are there at least once; `precision`, `recall` and `f1` pool every
    pair of row and label, told where the confidence is `threshold` or more; `log_loss` (nats) and `brier` are means over
    all pairs; `error` is the share of rows whose labels told are not exactly those that are there; `ndcg_at_10` says how
    well a row's ten surest labels are ranked, `calibration_error` how far confidences are from shares. What is no number from
    0 to 1 counts as 0, so that nobody gains by silence. A metric that is not defined for the rows is left out.
    """
    _fitting(truth, told, labels)
    if not truth.size:
        return {}
    known = counted(told)
    precise = average_precision(truth, known)
    found = {"average_precision": float(np.nanmean(precise))} if truth.any() else {}
    at = known >= threshold
    found |= _at_threshold(truth, at) | _errors(truth, known) | {"error": float((at != truth).any(axis=1).mean())}
    return found | ({"ndcg_at_10": float(np.nanmean(ndcg(truth, known)))} if truth.any() else {})


def by_label(truth: Truth, told: Told, labels: Sequence[str], threshold: float) -> dict[str, dict[str, float]]:
    """The same for each label by its name, with the number of rows in which it is there ("rows"); `error` is its own share."""
    _fitting(truth, told, labels)
    known = counted(told)
    precise = average_precision(truth, known)
    found: dict[str, dict[str, float]] = {}
    for place, label in enumerate(labels):
        here, said = truth[:, place], known[:, place]
        one = {"rows": float(here.sum())}
        if here.any():
            one["average_precision"] = float(precise[place])
        if len(here):
            at = said >= threshold
            one |= _at_threshold(here, at) | _errors(here, said) | {"error": float((at != here).mean())}
        found[label] = one
    return found


def average_precision(truth: Truth, told: Told) -> Floats:
    """float64 [labels]: the area under precision over recall as a sum of steps, equal confidences being one step.

    It is what scikit-learn's `average_precision_score` computes. NaN where a label is in no row.
    """
    steps = [_steps(truth[:, place : place + 1], told[:, place])[0] for place in range(truth.shape[1])]
    return np.array(steps, np.float64)


def ndcg(truth: Truth, told: Told, first: int = 10) -> Floats:
    """float64 [n]: the discounted gain of each row's `first` surest labels, as a share of the best there could be.

    A label that is there gains 1, discounted by the logarithm of its place; of equal confidences the earlier label is first.
    NaN for a row without any label (Järvelin & Kekäläinen, Cumulated gain-based evaluation of IR techniques, 2002).
    """
    some = truth.any(axis=1)
    found = np.full(len(truth), np.nan)
    ranked = np.argsort(-told[some], axis=1, kind="stable")[:, :first]
    discounts = 1 / np.log2(np.arange(ranked.shape[1]) + 2)
    gained = np.take_along_axis(truth[some], ranked, axis=1) @ discounts
    best = np.cumsum(discounts)[np.minimum(truth[some].sum(axis=1), ranked.shape[1]) - 1]
    found[some] = gained / best
    return found


def calibration_error(truth: Truth, told: Told, bins: int = BINS) -> float:
    """How far confidences are from what is true: over `bins` of equal width, the mean distance between the mean confidence
    and the share that was there, weighed by how many pairs of row and label are in the bin (expected calibration error).
    """
    place = np.minimum((told * bins).astype(int), bins - 1).reshape(-1)
    sure = np.bincount(place, told.reshape(-1).astype(np.float64), bins)
    there = np.bincount(place, truth.reshape(-1), bins)
    return float(np.abs(sure - there).sum() / max(truth.size, 1))


def across(truth: Truth, told: Told) -> Floats:
    """float64 [labels, labels]: the average precision of the confidences of one label (column) for another's truth (row)."""
    return np.stack([_steps(truth, told[:, place]) for place in range(told.shape[1])], axis=1)


def covered(told: Told) -> NDArray[np.bool_]:
    """bool [n, labels]: where there is a confidence at all, a number from 0 to 1."""
    return np.asarray((told >= 0) & (told <= 1))  # false for what is no number


def counted(told: Told) -> Floats:
    """float64 [n, labels]: the confidences, 0 where there is none."""
    return np.where(covered(told), told, 0.0).astype(np.float64)


def _steps(truth: Truth, said: Told) -> Floats:
    """float64 [labels]: the average precision of the same confidences [n] for each label's truth."""
    if not len(said):
        return np.full(truth.shape[1], np.nan)
    order = np.argsort(-said, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(said[order])), len(said) - 1)  # the last place of each confidence
    hits = np.cumsum(truth[order], axis=0)[ends]
    gained = np.diff(hits, axis=0, prepend=0)
    total = hits[-1]
    return np.asarray((gained * (hits / (ends + 1)[:, None])).sum(axis=0) / np.where(total > 0, total, np.nan))


def _at_threshold(truth: Truth, at: Truth) -> dict[str, float]:
    right, told, there = int((truth & at).sum()), int(at.sum()), int(truth.sum())
    found = {}
    if told:
        found["precision"] = right / told
    if there:
        found["recall"] = right / there
    if told + there:
        found["f1"] = 2 * right / (told + there)
    return found


def _errors(truth: Truth, known: Floats) -> dict[str, float]:
    sure = np.clip(known, SUREST, 1 - SUREST)
    return {
        "log_loss": float(-np.log(np.where(truth, sure, 1 - sure)).mean()),
        "brier": float(np.square(known - truth).mean()),
        "calibration_error": calibration_error(truth, known),
    }


def _fitting(truth: Truth, told: Told, labels: Sequence[str]) -> None:
    if truth.shape != told.shape or truth.ndim != 2 or truth.shape[1] != len(labels):
        said = f"truth {truth.shape}, confidences {told.shape} and {len(labels)} labels do not go together"
        raise ValueError(said)
