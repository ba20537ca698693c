"""Judgement before a promotion: the evidence about a candidate is gathered, the gate decides, and both are kept."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from assay.app import evidence
from assay.app.evidence import UNFIT, Test, sentence
from assay.clock import new_id, now_us
from assay.domain.model import Model
from assay.domain.releases.verdict import Outcome, Verdict
from assay.domain.version import Version
from assay.errors import NotWaiting
from assay.releasing.gate import Compared, Evidence, decide
from assay.store.audit import note
from assay.store.releases import verdicts

if TYPE_CHECKING:
    from assay.app import Assay
    from assay.serving.loaded import LoadedVersion


def judge(assay: Assay, model: Model[Any], candidate: Version, *, by: str) -> Verdict:
    """Holds a version against the one that rules, and keeps the verdict with its evidence; raises ArtifactRejected.

    Both answer the same held-out rows, which neither has learnt from. A champion that can no longer be loaded or asked
    cannot hold its place: the candidate is then judged as if nothing ruled.
    """
    if model.labels:
        return _by_control(assay, model, candidate, by)
    rollout = assay.rollouts.ruling(model.name)
    champion = assay.versions.find(model.name, rollout.version) if rollout is not None else None
    found, told = _evidence(assay, model, candidate, champion)
    checks, outcome = decide(model.gate, found)
    return assay.verdicts.add(
        Verdict(
            id=new_id(),
            at=now_us(),
            model=model.name,
            version=candidate.number,
            kind="gate",
            outcome=outcome,
            against=found.against,
            dataset=candidate.dataset,
            checks=checks,
            evidence=told,
            by=by,
        )
    )


def _by_control(assay: Assay, model: Model[Any], candidate: Version, by: str) -> Verdict:
    """A version that answers with labels is held against the control set, and passes unless it fails there."""
    from assay.app.watching.control import judge_control  # heavy libraries, and a model of numbers needs none of it

    control = judge_control(assay, model, candidate, by=by)
    if control.outcome == "failed":
        outcome: Outcome = "failed"
    else:
        outcome = "waiting" if model.gate.approval else "passed"
    return assay.verdicts.add(
        msgspec.structs.replace(
            control,
            id=new_id(),
            at=now_us(),
            kind="gate",
            outcome=outcome,
            evidence={"control": control.id, "outcome": control.outcome},
        )
    )


def approve(assay: Assay, model: Model[Any], number: int, by: str, reason: str) -> Verdict:
    """Writes down that a person lets a waiting version pass; whoever calls promotes it then.

    Raises VersionNotFound, or NotWaiting where the gate's newest verdict on the version is another.
    """
    assay.versions.find(model.name, number)
    with assay.database.writing() as connection:
        waiting = verdicts.newest(connection, model.name, number, kind="gate")
        if waiting is None or waiting.outcome != "waiting":
            raise NotWaiting(model.name, number, waiting.outcome if waiting else "")
        approved = msgspec.structs.replace(
            waiting, id=new_id(), at=now_us(), outcome="approved", by=by,
            evidence={"approves": waiting.id, "reason": reason},
        )  # fmt: skip
        verdicts.add(connection, approved)
        note(
            connection, "approve", model.name, by=by, reason=reason, before={"verdict": waiting.id, "outcome": "waiting"},
            after={"verdict": approved.id, "version": number, "outcome": "approved"},
        )  # fmt: skip
    return approved


def _evidence(
    assay: Assay, model: Model[Any], candidate: Version, champion: Version | None
) -> tuple[Evidence, dict[str, Any]]:
    """What the gate decides on, and all figures for whoever reads the verdict later."""
    against = champion.number if champion else None
    size = sum(file.size for file in assay.loader.manifest(candidate).files.values())
    standing, fallen = _standing(assay, model, champion)
    test = evidence.test_rows(assay, model, candidate, champion if standing else None)
    try:
        loaded = assay.loader.load(candidate)
        mine = evidence.answers(loaded, test.rows)
        latency_ms = evidence.latency_ms(loaded, test.rows)
        asked = assay.predictions.newest_questions(model.name, model.gate.replay)
        replay, changes = evidence.replay(loaded, asked, model.gate.max_change)
    except UNFIT as failed:
        found = Evidence(metric=model.metric, against=against, trouble=sentence(failed), size_bytes=size)
        return found, _told(model, found, test)
    compared: Compared | None = None
    segments: dict[str, Compared] = {}
    if standing is not None and test.rows.height:
        try:
            theirs = evidence.answers(standing, test.rows)
        except UNFIT as failed:
            fallen = sentence(failed)
        else:
            compared, segments = evidence.compare(model, test.rows, theirs, mine)
    found = Evidence(
        metric=model.metric, rows=test.rows.height or test.held_out, value=evidence.value(model, test.rows, mine),
        against=against, fallen=fallen, compared=compared, segments=segments, latency_ms=latency_ms, size_bytes=size,
        replay=replay,
    )  # fmt: skip
    return found, _told(model, found, test) | {"changes": changes}


def _standing(assay: Assay, model: Model[Any], champion: Version | None) -> tuple[LoadedVersion | None, str]:
    """The champion, loaded, or None where there is none; and why it cannot hold its place, where it cannot."""
    if champion is None:
        return None, ""
    try:
        loaded = assay.loader.load(champion)
    except UNFIT as failed:
        return None, sentence(failed)
    if loaded.contract.target.name != model.target:
        return None, f"it answers with {loaded.contract.target.name!r}, and {model.target!r} is asked for now"
    return loaded, ""


def _told(model: Model[Any], found: Evidence, test: Test) -> dict[str, Any]:
    return asdict(found) | {
        "held_out": test.held_out, "known_to_champion": test.known, "judged_rows": test.rows.height,
        "gate": asdict(model.gate),
    }  # fmt: skip
