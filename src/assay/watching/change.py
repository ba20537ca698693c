"""What changed since the version before: how well labels are told, how long it takes, and how confidences are spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.domain.releases.gate import Gate
from assay.domain.releases.verdict import Check
from assay.measures.confidences import Floats, average_precision, counted
from assay.measures.resampling import Spread, paired, paired_by_label
from assay.measures.stability import between, noise
from assay.watching.answers import Evidence

RESAMPLES, FEWEST_RESAMPLES = 1000, 200
CELLS = 500_000_000  # resamples times rows times labels that one comparison may cost: some ten seconds
TOLERATED = 0.02  # of average precision: two honest trainings on the same rows differ by as much
FELL = 0.15  # of one label's average precision: it is told by far less well
FELL_SURELY = 0.05  # that much of it at least, with the gate's confidence for all labels together
FELL_FEW = 0.5  # the same of labels that are there less than OFTEN, where chance makes large differences
OFTEN, FEW_UNITS = 10, 5  # rows with a label; inputs that it must be in, for its change to be looked at
SLOWER, MUCH_SLOWER = 2.0, 5.0  # times the version before: worth a look, and a fault
HARMLESS_MS = 5.0  # for a second of sound, 200 times as fast as it sounds: no trouble, whatever was before
SHIFTED = 0.25  # the population stability index of a major shift (Siddiqi, Credit Risk Scorecards, 2006)
TENTHS = 10  # bins of a confidence; quantiles would tell a hundredth from a thousandth, which nobody acts on


def against_before(gate: Gate, found: Evidence) -> list[Check]:
    """Every check against the version before, and what there is to say of a version that is the first."""
    checks = [_average_precision(gate, found)]
    if found.theirs is not None and found.both.any():
        checks += [_per_label(found, label_changes(gate, found)), _shift(found)]
    if len(found.mine.took_ms):
        checks.append(_latency(gate, found))
    return checks


def label_changes(gate: Gate, found: Evidence) -> dict[str, Spread]:
    """The change of the labels' average precision since the version before, of those that are there often enough.

    Each end of an interval holds with the gate's confidence for all labels together: by itself with so much more.
    """
    truth, theirs, mine, units = _sides(found)
    watched = [int(place) for place in found.watched if found.inputs_with(int(place)) >= FEW_UNITS]
    sure = 1 - (1 - gate.confidence) / max(1, len(watched))
    sides = (truth[:, watched], theirs[:, watched], mine[:, watched])
    changes = paired_by_label(*sides, units, resamples=_resamples(found), confidence=2 * sure - 1)
    return {found.labels[place]: one for place, one in zip(watched, changes, strict=True) if one is not None}


def _average_precision(gate: Gate, found: Evidence) -> Check:
    name = "average_precision"
    alone = _mean(average_precision(found.there, found.known))
    count = f"{len(np.unique(found.units[found.answered])):,} {found.inputs}"
    if found.theirs is None or not found.both.any():
        return Check(
            name=name, passed=True, detail=f"average precision {alone:.3f} on {count}, and nothing to compare it with"
        )
    truth, theirs, mine, units = _sides(found)
    both = [_mean(average_precision(truth, told)) for told in (mine, theirs)]
    moved = paired(truth, theirs, mine, units, resamples=_resamples(found), confidence=2 * gate.confidence - 1)
    if moved is None:
        return Check(name=name, passed=True, detail=f"no label is there in the {count} that both answered")
    allowed = max(gate.margin, TOLERATED)
    said = (
        f"average precision {both[0]:.3f} against {both[1]:.3f} of version {found.theirs.version} on {count}: {moved.value:+.3f}"
        f" ({100 * (2 * gate.confidence - 1):.4g} % interval {moved.low:+.3f} to {moved.high:+.3f}); allowed is {allowed:g} less"
    )
    failed = moved.high < -allowed
    warned = not failed and moved.value < -allowed and moved.better < 1 - gate.confidence
    return Check(name=name, passed=not failed, warned=warned, detail=said)


def _per_label(found: Evidence, changes: dict[str, Spread]) -> Check:
    fell = {label: one for label, one in changes.items() if one.value < -FELL and one.high < 0}
    if not fell:
        return Check(name="per_label", passed=True, detail=f"none of {len(changes)} labels fell by more than {FELL:g}")
    often = dict(zip(found.labels, found.there.sum(axis=0) >= OFTEN, strict=True))
    surely = any(one.high < -FELL_SURELY and (often[name] or one.value < -FELL_FEW) for name, one in fell.items())
    worst_first = sorted(fell.items(), key=lambda pair: pair[1].value)
    told = "; ".join(f"{label} {one.value:+.2f} ({one.low:+.2f} to {one.high:+.2f})" for label, one in worst_first)
    return Check(name="per_label", passed=not surely, warned=not surely, detail=f"average precision fell of {told}")


def _latency(gate: Gate, found: Evidence) -> Check:
    mine = float(np.median(found.mine.took_ms))
    unit = "a second of sound" if found.sound else "a row"
    said = f"{unit} takes {mine:.3g} ms (the median)"
    if gate.latency_ms is not None and mine > gate.latency_ms:
        return Check(name="latency", passed=False, detail=f"{said}, allowed are {gate.latency_ms:g} ms")
    if found.theirs is None or not len(found.theirs.took_ms):
        return Check(name="latency", passed=True, detail=said)
    theirs = float(np.median(found.theirs.took_ms))
    times = mine / theirs if theirs else 1.0
    said = f"{said}, of version {found.theirs.version} {theirs:.3g} ms"
    if mine <= HARMLESS_MS or times < SLOWER:
        return Check(name="latency", passed=True, detail=said)
    said = f"{said}: {times:.1f} times as long, allowed are {MUCH_SLOWER:g} times"
    return Check(name="latency", passed=times < MUCH_SLOWER, warned=times < MUCH_SLOWER, detail=said)


def _shift(found: Evidence) -> Check:
    indices = shifts(found)
    bound = max(SHIFTED, noise(TENTHS, int(found.both.sum()), int(found.both.sum())))
    worst = max(indices, key=lambda label: indices[label])
    told = ", ".join(f"{label} {index:.2f}" for label, index in indices.items() if index > bound)
    if not told:
        said = (
            f"the confidences' population stability index is {indices[worst]:.2f} at most ({worst}), below {bound:.2f}"
        )
        return Check(name="shift", passed=True, detail=said)
    said = f"the confidences are spread otherwise than before: population stability index of {told}, usual is below {bound:.2f}"
    return Check(name="shift", passed=True, warned=True, detail=said)


def shifts(found: Evidence) -> dict[str, float]:
    """The population stability index of each label's confidences against the version before, over tenths."""
    _, theirs, mine, _ = _sides(found)
    edges = np.linspace(0, 1, TENTHS + 1)[1:-1]
    return {label: between(theirs[:, place], mine[:, place], edges) for place, label in enumerate(found.labels)}


def _sides(found: Evidence) -> tuple[NDArray[np.bool_], Floats, Floats, NDArray[np.intp]]:
    """Truth, their confidences, mine and the inputs of the rows that both answered."""
    if found.theirs is None:
        raise ValueError("there is no version before")
    rows = found.both
    return found.truth[rows], counted(found.theirs.told[rows]), counted(found.mine.told[rows]), found.units[rows]


def _resamples(found: Evidence) -> int:
    return int(np.clip(CELLS // max(1, found.truth.size), FEWEST_RESAMPLES, RESAMPLES))


def _mean(each: Floats) -> float:
    there = np.isfinite(each)
    return float(each[there].mean()) if there.any() else float("nan")
