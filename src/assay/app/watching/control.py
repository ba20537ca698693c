"""A version is held against the control set: what it answers is judged, and the verdict kept with an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from assay.app.evidence import UNFIT, sentence
from assay.app.watching.asking import Asked, Progress, Side, ask
from assay.app.watching.labelled import ControlSet, control_place, control_set
from assay.clock import new_id, now_us
from assay.domain.evaluation import Evaluation
from assay.domain.model import Model
from assay.domain.releases.verdict import Check, Verdict
from assay.domain.version import Version
from assay.errors import ApplicationInvalid, ArtifactRejected, DataInvalid, VersionRejected
from assay.measures.confidences import average_precision, by_label, counted, metrics
from assay.watching.answers import Evidence
from assay.watching.change import TOLERATED, label_changes, shifts
from assay.watching.control import decide, graded

if TYPE_CHECKING:
    from assay.app import Assay

SPLIT = "control"


class Compared(NamedTuple):
    """The version before, or why there is none to compare with; `silent` where it is there and cannot be asked now."""

    side: Side | None
    note: str = ""
    silent: bool = False


def judge_control(assay: Assay, model: Model[Any], candidate: Version, *, by: str) -> Verdict:
    """Holds a version against the control set before it may answer, and keeps the verdict; it is for the gate to ask.

    What hinders the judgement counts against the version: nobody knows what it would answer. Where the ruling version
    cannot be asked at the moment, what it was last held to be counts. Raises StoreUnavailable.
    """
    before = version_before(assay, model, candidate)
    try:
        return _judged(assay, model, (candidate, before), by, remembering=True)
    except (DataInvalid, ArtifactRejected) as failed:
        place = control_place(assay)
        said = sentence(failed) if place is None else sentence(failed).replace(place, Path(place).name)
        check = Check(name="control_set", passed=False, detail=f"the control set cannot be used: {said}")
        return assay.verdicts.add(_verdict(model, candidate, (check,), by=by))


def watch(assay: Assay, model: Model[Any], number: int | None, *, by: str, progress: Progress | None = None) -> Verdict:
    """Holds a version, the ruling one unless told, against the control set as it is now; the verdict is kept.

    Nothing else follows: whoever rules goes on. Raises VersionNotFound,
    NothingReleased, ApplicationInvalid where the model answers with a number, DataInvalid or ArtifactRejected where the
    control set cannot be read.
    """
    if not model.labels:
        raise ApplicationInvalid(f"{model.name!r} answers with a number; a control set is for models with labels.")
    version = assay.version(model.name, number)
    return _judged(assay, model, (version, version_before(assay, model, version)), by, progress)


def version_before(assay: Assay, model: Model[Any], version: Version) -> Version | None:
    """The version that a version is compared with: the ruling one, or of the ruling one the version that ruled before it."""
    for decision in assay.rollouts.history(model.name):
        if decision.version != version.number:
            return assay.versions.find(model.name, decision.version)
    return None


def _judged(
    assay: Assay, model: Model[Any], versions: tuple[Version, Version | None], by: str, progress: Progress | None = None,
    *, remembering: bool = False,
) -> Verdict:  # fmt: skip
    version, before = versions
    try:
        sides = [_side(assay, model, version)]
    except UNFIT as failed:
        check = Check(name="errors", passed=False, detail=f"the version cannot be asked: {sentence(failed)}")
        return assay.verdicts.add(_verdict(model, version, (check,), by=by))
    control, (other, note, silent) = _inputs(assay, model, versions, _comparable(assay, model, sides[0], before))
    asked = ask(assay, model, control, sides if other is None else [*sides, other], progress)
    if not len(asked.evidence.truth):
        why = "; ".join(f"{name}: {said}" for name, said in list(asked.unheard.items())[:3])
        raise DataInvalid(f"None of the {control.rows.height:,} recordings of the control set can be heard: {why}.")
    checks, outcome = decide(model.gate, asked.evidence)
    evaluation = _evaluation(model, version, control, asked.evidence)
    silent = silent or (other is not None and not asked.evidence.both.any())
    if remembering and silent and before is not None:
        checks += _remembered(assay, before, evaluation)
        outcome = graded(checks)
    assay.evaluations.add(evaluation)
    told = _told(model, control, asked, evaluation) | {"note": note}
    verdict = _verdict(model, version, checks, by=by, outcome=outcome)
    against = other.loaded.number if other is not None else None
    return assay.verdicts.add(msgspec.structs.replace(verdict, against=against, dataset=control.dataset, evidence=told))


def _inputs(
    assay: Assay, model: Model[Any], versions: tuple[Version, Version | None], compared: Compared
) -> tuple[ControlSet, Compared]:
    """What both can be asked; where the version before has learnt from all of it, what the version alone can be."""
    version, before = versions
    if compared.side is None or before is None:
        return control_set(assay, model, [version]), compared
    try:
        return control_set(assay, model, [version, before]), compared
    except DataInvalid:
        alone = control_set(assay, model, [version])
        return alone, Compared(None, f"version {before.number} has learnt from every input of the control set")


def _comparable(assay: Assay, model: Model[Any], mine: Side, before: Version | None) -> Compared:
    """The version before, if it can be asked the same and answers with the same labels; else why not."""
    if before is None:
        return Compared(None, "no other version has answered before")
    try:
        side = _side(assay, model, before)
    except UNFIT as failed:
        return Compared(None, f"version {before.number} cannot be asked: {sentence(failed)}", silent=True)
    if side.loaded.contract.target.labels != mine.loaded.contract.target.labels:
        return Compared(None, f"version {before.number} answers with other labels")
    return Compared(side)


def _remembered(assay: Assay, before: Version, mine: Evaluation) -> tuple[Check, ...]:
    """The version against what the ruling one was when it was last held against the control set, if it ever was."""
    known = [one for one in assay.evaluations.all(before.model, before.number) if one.split == SPLIT]
    if not known:
        return ()
    theirs, ours = (one.metrics["average_precision"] for one in (max(known, key=lambda one: one.id), mine))
    said = (
        f"version {before.number} cannot be asked now; when it last was, its average precision on the control set was {theirs:.3f},"
        f" and this one's is {ours:.3f}; allowed is {TOLERATED:g} less"
    )
    return (Check(name="last_known", passed=not ours < theirs - TOLERATED, detail=said),)


def _side(assay: Assay, model: Model[Any], version: Version) -> Side:
    """The version, ready to be asked about the model's rows of today; raises VersionRejected and what the loader does."""
    loaded = assay.loader.load(version)
    contract = loaded.contract
    lacking = [name for name in contract.fields if name not in model.fields]
    if lacking or not contract.target.labels or contract.audio != model.contract.audio:
        said = f"it asks for {lacking[0]!r}" if lacking else "it answers to something else"
        raise VersionRejected(f"Version {version.number} cannot be held against the control set: {said}.")
    return Side(loaded=loaded, own=version.engine != "remote")


def _evaluation(model: Model[Any], version: Version, control: ControlSet, found: Evidence) -> Evaluation:
    rows = found.answered
    truth, told = found.truth[rows], found.mine.told[rows]
    return Evaluation(
        id=new_id(), at=now_us(), model=model.name, version=version.number, dataset=control.dataset, split=SPLIT,
        rows=len(truth), metrics=metrics(truth, told, found.labels, found.threshold),
        segments=by_label(truth, told, found.labels, found.threshold),
    )  # fmt: skip


def _told(model: Model[Any], control: ControlSet, asked: Asked, evaluation: Evaluation) -> dict[str, Any]:
    """All figures, for whoever reads the verdict later."""
    found = asked.evidence
    labels: dict[str, dict[str, float]] = {label: dict(one) for label, one in evaluation.segments.items()}
    told: dict[str, Any] = {
        "given": control.given, "inputs": len(found.names), "rows": len(found.truth), "left_out": control.left_out,
        "sound": found.sound, "threshold": found.threshold, "unheard": asked.unheard, "evaluation": evaluation.id,
        "metrics": evaluation.metrics, "labels": labels, "took_ms": _median(found.mine.took_ms),
    }  # fmt: skip
    theirs = found.theirs
    if theirs is None or not found.both.any():
        return told
    truth, others = found.truth[found.both], counted(theirs.told[found.both])
    for label, value in zip(found.labels, average_precision(truth, others).tolist(), strict=True):
        if np.isfinite(value):
            labels[label]["before"] = value
    for label, one in label_changes(model.gate, found).items():
        labels[label] |= {"change": one.value, "low": one.low, "high": one.high}
    for label, index in shifts(found).items():
        labels[label]["shift"] = index
    before = metrics(truth, others, found.labels, found.threshold)
    return told | {"metrics_before": before, "took_ms_before": _median(theirs.took_ms)}


def _median(took_ms: Any) -> float | None:
    return float(np.median(took_ms)) if len(took_ms) else None


def _verdict(
    model: Model[Any], version: Version, checks: tuple[Check, ...], *, by: str, outcome: Any = "failed"
) -> Verdict:
    return Verdict(
        id=new_id(), at=now_us(), model=model.name, version=version.number, kind="control", outcome=outcome, checks=checks,
        by=by,
    )  # fmt: skip
