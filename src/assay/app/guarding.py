"""The guard after a switch: answers since then are held against those before, and the version before comes back if need be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import structlog

from assay.clock import new_id, now_us
from assay.domain.releases.gate import Gate
from assay.domain.releases.rollout import Rollout
from assay.domain.releases.verdict import Verdict
from assay.errors import AssayError
from assay.releasing.guard import Seen, compare
from assay.releasing.prove import body_of
from assay.store.record.predictions import Given

if TYPE_CHECKING:
    from assay.app import Assay
    from assay.domain.releases.verdict import Check

BY = "assay guard"
ROLLED_BACK = "rolled back"
WINDOW = 5_000
MODEL_FAILED = (500, 504)  # what the model did; a server that is full or stopping, or a store that is away, did not
ROUTES = 500  # answers by whose exchanges an application's own addresses are known
AGAIN_US = 60_000_000


class Guarded(Protocol):
    """A model's name, and the gate that its version was made for; a `Model` is one, too."""

    @property
    def name(self) -> str: ...
    @property
    def gate(self) -> Gate: ...


SwitchBack = Callable[[str, str, str], object]
log = structlog.get_logger("assay")


def watch(assay: Assay, models: Iterable[Guarded], switch_back: SwitchBack) -> list[Verdict]:
    """Looks once at every model that switched lately; the verdicts that this look has made.

    A version that does worse than its gate allows gets the verdict "failed", and `switch_back` is called with the model's
    name, the reason, and the id of the decision that is to be undone; one whose time is over without that gets "passed".
    Any number of watchers make each verdict once, for it is looked for and kept in one transaction. Where `switch_back`
    fails, or its watcher dies, the next attempt is made a minute later. Costs one look-up a model where nothing is young.
    Raises StoreUnavailable.
    """
    made = []
    for model in models:
        rollout = assay.rollouts.ruling(model.name)
        if rollout is not None and _is_guarded(model, rollout):
            verdict = _look(assay, model, rollout)
            if verdict is not None:
                made.append(verdict)
                if verdict.outcome == "failed":
                    _switch_back(assay, verdict, rollout, switch_back)
    return made


def _is_guarded(model: Guarded, rollout: Rollout) -> bool:
    """Whether the switch is young, and a step forward: a way back leads to a version that is known already.

    An experiment is no step at all: the same version rules, and the others are compared with it as arms.

    After its time is over a switch is looked at for as long again, so that a watcher that was away ends the matter.
    """
    back = rollout.by == BY or rollout.reason.startswith(ROLLED_BACK)
    switched = rollout.previous not in (None, rollout.version)
    return switched and not back and now_us() - rollout.at < 2e6 * model.gate.guard_s


def _look(assay: Assay, model: Guarded, rollout: Rollout) -> Verdict | None:
    at = now_us()
    over = at - rollout.at >= 1e6 * model.gate.guard_s
    known = assay.verdicts.page(model.name, version=rollout.version, kind="guard", limit=1)
    settled = known[0] if known and known[0].at >= rollout.at else None
    if settled is not None and (settled.outcome == "passed" or settled.at > at - AGAIN_US):
        return None
    until = min(at, rollout.at + int(1e6 * model.gate.guard_s))
    before, since = _seen(assay, model, rollout, until)
    checks = compare(model.gate, before, since)
    failed = not all(check.passed for check in checks)
    if not failed and not over:
        return None
    verdict = Verdict(
        id=new_id(), at=at, model=model.name, version=rollout.version, kind="guard",
        outcome="failed" if failed else "passed", against=rollout.previous, checks=checks,
        evidence={"rollout": rollout.id, "before": _told(before), "since": _told(since)}, by=BY,
    )  # fmt: skip
    return verdict if assay.verdicts.once(verdict, since=max(rollout.at, at - AGAIN_US if failed else 0)) else None


def _switch_back(assay: Assay, verdict: Verdict, rollout: Rollout, switch_back: SwitchBack) -> None:
    ruling = assay.rollouts.ruling(verdict.model)
    if ruling is None or ruling.id != rollout.id:
        return  # somebody was quicker, and rolling back what rules now would undo that
    reason = _reason(verdict.checks)
    log.error("guard_switches_back", model=verdict.model, version=verdict.version, reason=reason)
    try:
        switch_back(verdict.model, reason, rollout.id)
    except AssayError as failed:
        log.error("guard_could_not_switch_back", model=verdict.model, version=verdict.version, reason=str(failed))


def _reason(checks: tuple[Check, ...]) -> str:
    return "the guard found that " + "; ".join(check.detail for check in checks if not check.passed)


def _seen(assay: Assay, model: Guarded, rollout: Rollout, until: int) -> tuple[Seen, Seen]:
    """What other versions did before the switch, and what the new one has done since; the newest of both."""
    given = assay.predictions.given(model.name, since=0, until=rollout.at, limit=WINDOW)
    before = [one for one in given if one.version != rollout.version]
    given = assay.predictions.given(model.name, since=rollout.at, until=until, limit=WINDOW)
    since = [one for one in given if one.version == rollout.version]
    proofs = _proofs(assay, rollout, before + since)
    before, since = ([one for one in side if one.exchange not in proofs] for side in (before, since))
    asked_in = [one.exchange for one in (before[:ROUTES] + since[:ROUTES]) if one.exchange is not None]
    prefix, own = f"/v1/models/{model.name}/", assay.exchanges.paths(asked_in)
    statuses = [
        assay.exchanges.statuses(prefix, own, since=start, until=end, limit=WINDOW)
        for start, end in ((0, rollout.at), (rollout.at, until))
    ]
    sides = [
        Seen(
            exchanges=len(found), errors=sum(status in MODEL_FAILED for status in found),
            took_us=[one.took_us for one in answers if one.position == 0],
            values=[one.value for one in answers if one.value is not None],
        )
        for found, answers in zip(statuses, (before, since), strict=True)
    ]  # fmt: skip
    return sides[0], sides[1]


def _proofs(assay: Assay, rollout: Rollout, given: list[Given]) -> set[str]:
    """The exchanges in which `assay promote --prove` asked: always the same questions, which say nothing about the others."""
    bodies = []
    for number in (rollout.version, rollout.previous):
        try:
            golden = assay.loader.manifest(assay.version(rollout.model, number)).golden
        except AssayError:
            continue
        bodies.append(body_of(golden.questions))
    return assay.exchanges.asking(list({one.exchange for one in given if one.exchange is not None}), bodies)


def _told(seen: Seen) -> dict[str, Any]:
    """One side in figures."""
    return {
        "exchanges": seen.exchanges, "errors": seen.errors, "answers": len(seen.values),
        "took_us": _quantiles(seen.took_us), "values": _quantiles(seen.values),
    }  # fmt: skip


def _quantiles(numbers: Any) -> dict[str, float]:
    return {f"{q:g}": float(np.quantile(numbers, q)) for q in (0.05, 0.5, 0.95)} if len(numbers) else {}
