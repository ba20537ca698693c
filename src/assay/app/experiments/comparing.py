"""What came of an experiment: each arm's share, errors, times, answers and truth, and each shadow beside the main version."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from assay.app.experiments.found import ArmFound, ExperimentFound, ItemsFound, Quantiles, ShadowFound, Truth, told
from assay.app.experiments.hearing import items_found
from assay.clock import now_us
from assay.domain.metric import OF_NUMBERS
from assay.domain.question.contract import Contract
from assay.domain.releases.rollout import Arm, Rollout
from assay.domain.releases.shadow import Shadow
from assay.errors import ExperimentNotFound, NothingReleased
from assay.measures.numbers import Group, apart, metric
from assay.store.paging import LAST_ID, Span, first_id
from assay.store.record.arms import Answer

if TYPE_CHECKING:
    from assay.app import Assay

LOOK = 20_000  # answers of each version, the newest
SIGMAS = 4.0
FAILED = (500, 504)  # what a model did; a server that is full or stopping, or a store that is away, did not
FEWEST_TRUTHS = 2
ID_MS = 12  # hexadecimal digits of an id that are its time in milliseconds


class Phase(NamedTuple):
    """An experiment from its newest change of shares on; `until` is when another decision followed."""

    rollout: Rollout
    until: int | None

    @property
    def drawn(self) -> bool:
        """Whether subjects are shared among arms."""
        return bool(self.rollout.arms) and self.rollout.mode == "split"

    @property
    def among(self) -> Span:
        """The ids of what was answered in it."""
        return Span(first_id(self.rollout.at), LAST_ID if self.until is None else first_id(self.until))


@dataclass(frozen=True)
class Given:
    """The answers that are compared, by version, all of one time, and since when that is."""

    answers: Mapping[int, Sequence[Answer]]
    low: str
    whole: bool


def compare(assay: Assay, model: str, experiment: str | None = None) -> ExperimentFound:
    """The experiment of this name, or the one that runs, or the last one that ran, as it is since its shares stand.

    Raises NothingReleased or ExperimentNotFound.
    """
    phase = phase_of(assay, model, experiment)
    rollout = phase.rollout
    contract = assay.loader.manifest(assay.versions.find(model, rollout.version)).contract
    given = _given(assay, phase)
    return ExperimentFound(
        model=model, unit=contract.target.unit, metric=contract.metric, experiment=rollout.experiment or "",
        mode=rollout.mode, main=rollout.version, since=rollout.at, until=phase.until,
        looked_from=rollout.at if given.whole else int(given.low[:ID_MS], 16) * 1000, whole=given.whole,
        arms=_arms(assay, phase, given, contract), shadows=_shadows(assay, phase, contract),
        items=_items(assay, rollout, contract),
    )  # fmt: skip


def in_json(assay: Assay, model: str, experiment: str | None = None) -> dict[str, Any]:
    """The same as JSON can say it."""
    return told(compare(assay, model, experiment))


def phase_of(assay: Assay, model: str, experiment: str | None = None) -> Phase:
    """The newest decision of an experiment, and when it ended; raises NothingReleased or ExperimentNotFound."""
    history = assay.rollouts.history(model)
    if not history:
        raise NothingReleased(model)
    later: Rollout | None = None
    for rollout in history:
        if rollout.experiment is not None and experiment in (None, rollout.experiment):
            return Phase(rollout, None if later is None else later.at)
        later = rollout
    raise ExperimentNotFound(model, experiment)


# ---- arms


def _given(assay: Assay, phase: Phase) -> Given:
    """The newest answers of each arm, as far back as all of them are looked at."""
    rollout, among = phase.rollout, phase.among
    numbers = rollout.answering if phase.drawn else (rollout.version,)
    found = {number: assay.arms.answers(rollout.model, number, "answer", among, LOOK) for number in numbers}
    low = max((each[-1].id for each in found.values() if len(each) == LOOK), default=among.low)
    name = rollout.experiment if phase.drawn else None
    kept = {
        number: [one for one in each if one.id >= low and one.experiment == name and one.exchange is not None]
        for number, each in found.items()
    }
    return Given(kept, low, low == among.low)


def _arms(assay: Assay, phase: Phase, given: Given, contract: Contract) -> tuple[ArmFound, ...]:
    rollout = phase.rollout
    arms = rollout.arms if phase.drawn else (Arm(version=rollout.version, share=1.0),)
    asks = {number: sum(one.position == 0 for one in each) for number, each in given.answers.items()}
    errors = _errors(assay, phase, given)
    truths = {number: _known(assay, each) for number, each in given.answers.items()}
    main = truths[rollout.version]
    return tuple(
        ArmFound(
            version=arm.version, recipe=assay.versions.find(rollout.model, arm.version).recipe, wanted=arm.share,
            answers=len(given.answers[arm.version]), **share_of(arm.share, asks[arm.version], sum(asks.values())),
            errors=errors[arm.version], **_spread(given.answers[arm.version]),
            truth=_truth(contract, main, truths[arm.version], mine=arm.version == rollout.version),
        )
        for arm in arms
    )  # fmt: skip


def share_of(wanted: float, asks: int, every: int) -> dict[str, Any]:
    """The share that was found, where chance would have it, and whether it is there."""
    reach = SIGMAS * math.sqrt(wanted * (1 - wanted) / every) if every else 1.0
    low, high = max(0.0, wanted - reach), min(1.0, wanted + reach)
    share = asks / every if every else None
    return {"asks": asks, "share": share, "low": low, "high": high, "as_wanted": share is None or low <= share <= high}


def _errors(assay: Assay, phase: Phase, given: Given) -> Counter[int]:
    rollout = phase.rollout
    since = rollout.at if given.whole else int(given.low[:ID_MS], 16) * 1000
    name = rollout.experiment if phase.drawn else None
    failed = assay.arms.failed(FAILED, since, phase.until)
    return Counter(
        one.version
        for one in failed
        if one.version is not None and one.model == rollout.model and one.experiment == name
    )


def _spread(answers: Sequence[Answer]) -> dict[str, Any]:
    took = [one.took_us / 1000 for one in answers if one.position == 0]
    values = [one.value for one in answers if one.value is not None]
    return {"took_ms": _quantiles(took, (0.5, 0.95)), "values": _quantiles(values, (0.05, 0.25, 0.5, 0.75, 0.95))}


def _quantiles(numbers: Sequence[float], wanted: Sequence[float]) -> Quantiles:
    return {f"{q:g}": float(np.quantile(numbers, q)) for q in wanted} if numbers else {}


# ---- truth


def _known(assay: Assay, answers: Sequence[Answer]) -> Group:
    """What came true of these answers, beside them."""
    true = assay.outcomes.of([one.id for one in answers])
    pairs = [(true[one.id].number, one.value) for one in answers if one.id in true and one.value is not None]
    return _group(pairs)


def _group(pairs: Sequence[tuple[float, float]]) -> Group:
    both = np.array(pairs, np.float64).reshape(-1, 2)
    return Group(both[:, 0], both[:, 1])


def _truth(contract: Contract, main: Group, group: Group, *, mine: bool, paired: bool = False) -> Truth:
    count = len(group.truth)
    if contract.metric not in OF_NUMBERS or not count:
        return Truth(outcomes=count)
    comparable = not mine and min(count, len(main.truth)) >= FEWEST_TRUTHS
    return Truth(
        outcomes=count, metric=metric(group, contract.metric),
        apart=apart(main, group, contract.metric, paired=paired) if comparable else None,
    )  # fmt: skip


# ---- shadows


def _shadows(assay: Assay, phase: Phase, contract: Contract) -> tuple[ShadowFound, ...]:
    rollout = phase.rollout
    courses = assay.shadows.courses(rollout.model, rollout.experiment)
    marks = {one.shadow.version: one.shadow for one in courses if one.rollout.id == rollout.id}
    return tuple(_shadow(assay, phase, marks[number], contract) for number in rollout.shadows)


def _shadow(assay: Assay, phase: Phase, mark: Shadow, contract: Contract) -> ShadowFound:
    rollout = phase.rollout
    model, main = rollout.model, rollout.version
    # what it is asked for this decision is answered after it, and perhaps after the next one
    since = Span(first_id(rollout.at), LAST_ID)
    answers = assay.arms.answers(model, mark.version, "shadow", since, LOOK)
    low, high = phase.among
    answers = [one for one in answers if one.exchange is not None and low <= one.exchange < high]
    beside = assay.arms.given(model, main, [one.exchange for one in answers if one.exchange is not None])
    pairs = [(beside[where], one) for one in answers if (where := (one.exchange or "", one.position)) in beside]
    true = assay.outcomes.of([one.id for one, _ in pairs])
    both = [
        (true[one.id].number, one.value, other.value)
        for one, other in pairs
        if one.id in true and one.value is not None and other.value is not None
    ]
    theirs, mine = (_group([(row[0], row[place]) for row in both]) for place in (1, 2))
    return ShadowFound(
        version=mark.version, recipe=assay.versions.find(model, mark.version).recipe, asked=mark.asked,
        skipped=mark.skipped, reasons=mark.reasons, behind_s=_behind_s(mark, rollout), pairs=len(pairs),
        **_changes(pairs), **_spread(answers),
        truth=_truth(contract, theirs, mine, mine=False, paired=True),
    )  # fmt: skip


def _changes(pairs: Sequence[tuple[Answer, Answer]]) -> dict[str, Any]:
    far = [abs(other.value - one.value) for one, other in pairs if one.value is not None and other.value is not None]
    changed = sum(one > 0 for one in far) / len(far) if far else None
    return {"changed": changed, "change": _quantiles(far, (0.5, 0.95, 1.0))}


def _behind_s(mark: Shadow, rollout: Rollout) -> float | None:
    """How long ago that was asked which the shadow was asked last."""
    reached = int(mark.upto[:ID_MS], 16) * 1000
    return None if reached <= rollout.at else max(0.0, (now_us() - reached) / 1e6)


# ---- kept items


def _items(assay: Assay, rollout: Rollout, contract: Contract) -> tuple[ItemsFound, ...]:
    if contract.audio is None:
        return ()
    numbers = dict.fromkeys((*rollout.answering, *rollout.shadows))
    return items_found(assay, rollout.model, list(numbers), contract)
