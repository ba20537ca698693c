"""The control set: a version's answers to labelled inputs go in, checks in sentences and a verdict come out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from assay.domain.releases.gate import Gate
from assay.domain.releases.verdict import Check
from assay.measures.confidences import covered
from assay.watching.answers import Evidence
from assay.watching.change import against_before
from assay.watching.faults import mixed_up, scale, silence

Grade = Literal["passed", "warned", "failed"]

# of a server that is asked for answers, whose network and whose habits are not the version's
REMOTE_UNANSWERED = 0.05  # a share of the inputs beyond which something is wrong with more than the network
NAMED = 3  # inputs that a sentence names


def decide(gate: Gate, found: Evidence) -> tuple[tuple[Check, ...], Grade]:
    """Every check that there is evidence for, and what follows from them."""
    said = [errors(found)]
    if not found.answered.any():
        return tuple(said), graded(said)
    swaps, labels = mixed_up(found)
    first, *others = against_before(gate, found)  # whoever reads one check reads the comparison
    checks = [first, *said, coverage(found), silence(found, swaps), labels, scale(found), *others]
    return tuple(checks), graded(checks)


def graded(checks: Sequence[Check]) -> Grade:
    """The worst of the checks."""
    if not all(check.passed for check in checks):
        return "failed"
    return "warned" if any(check.warned for check in checks) else "passed"


def errors(found: Evidence) -> Check:
    """Every input is answered; of a server that is asked, nearly every one."""
    failed, count = found.mine.failed, len(found.names)
    if not failed:
        return Check(name="errors", passed=True, detail=f"all {count:,} {found.inputs} are answered")
    told = "; ".join(f"{found.names[place]}: {why}" for place, why in list(failed.items())[:NAMED])
    others = f"; and {len(failed) - NAMED:,} more" if len(failed) > NAMED else ""
    borne = not found.mine.own and len(failed) <= REMOTE_UNANSWERED * count
    said = f"{len(failed):,} of {count:,} {found.inputs} are not answered: {told}{others}"
    return Check(name="errors", passed=borne, warned=borne, detail=said)


def coverage(found: Evidence) -> Check:
    """Every confidence is told; a server that is asked may keep some to itself, but not all."""
    given = covered(found.mine.told[found.answered])
    missing = int(given.size - given.sum())
    said = f"{given.sum():,} of {given.size:,} confidences ({_percent(given.mean())}) are numbers from 0 to 1"
    if not missing:
        return Check(name="coverage", passed=True, detail=said)
    if found.mine.own:
        units = found.units[found.answered][~given.all(axis=1)]
        names = [found.names[place] for place in dict.fromkeys(units.tolist())]
        told = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")
        return Check(name="coverage", passed=False, detail=f"{said}; {missing:,} are missing, of {told}")
    return Check(name="coverage", passed=bool(given.any()), detail=f"{said}; the server told no more")


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
