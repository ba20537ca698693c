"""Experiments: several versions answer, each its share of the subjects, and others are asked as well without being heard."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import msgspec

from assay.clock import new_id, now_us
from assay.domain.question.contract import Contract
from assay.domain.releases.rollout import Arm, Mode, Rollout
from assay.domain.version import Version
from assay.errors import ExperimentInvalid, ExperimentNotFound, ExperimentRunning, NothingReleased, VersionRejected
from assay.releasing.prepare import Switch
from assay.releasing.promote import Verify, proved
from assay.store.releases.rollouts import Rollouts
from assay.store.versions import Versions

FEWEST_ARMS, MOST_ARMS, MOST_SHADOWS = 2, 8, 4
TOLERANCE = 1e-9  # by which the shares may miss 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ContractOf = Callable[[Version], Contract]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be tried: arms with their shares, shadows, and the name that decides which subject falls to which arm."""

    name: str | None = None
    mode: Mode = "split"
    arms: tuple[Arm, ...] = ()
    shadows: tuple[int, ...] = ()


class Experimenter:
    """Decides who takes part. `contract` is what a version promises to whoever asks it."""

    def __init__(
        self, versions: Versions, rollouts: Rollouts, verify: Verify, contract: ContractOf, switch: Switch
    ) -> None:
        self._versions = versions
        self._rollouts = rollouts
        self._verify = verify
        self._contract = contract
        self._switch = switch

    def start(self, model: str, plan: Plan, *, by: str, reason: str = "") -> Rollout:
        """From now on the arms answer; returns once every process has all of them ready and the decision is durable.

        Raises ExperimentInvalid, ExperimentRunning, NothingReleased, VersionNotFound, and what a promotion raises.
        """
        ruling = self._ruling(model)
        if ruling.experiment is not None:
            raise ExperimentRunning(model, ruling.experiment)
        check(plan, ruling.version)
        name = self._name(model, plan.name)
        made = Rollout(
            id=new_id(), at=now_us(), model=model, version=ruling.version, by=by, reason=reason or f"experiment {name}",
            experiment=name, mode=plan.mode, arms=plan.arms, shadows=plan.shadows,
        )  # fmt: skip
        return self._decide(made, ruling)

    def change(
        self, model: str, arms: Sequence[Arm], shadows: Sequence[int] | None = None, *, by: str, reason: str = ""
    ) -> Rollout:
        """New shares for the same arms, and other shadows if they are told: only subjects between the boundaries move.

        Raises ExperimentNotFound, and what `start` raises.
        """
        ruling = self._running(model)
        told = {arm.version: arm for arm in arms} if arms else {arm.version: arm for arm in ruling.arms}
        order = [arm.version for arm in ruling.arms]
        if sorted(told) != sorted(order) or (arms and len(arms) != len(told)):
            raise ExperimentInvalid(
                f"The arms of a running experiment stay the same, here {_named(order)}; only their shares change."
            )
        plan = Plan(
            mode=ruling.mode, arms=tuple(told[number] for number in order),
            shadows=ruling.shadows if shadows is None else tuple(shadows),
        )  # fmt: skip
        check(plan, ruling.version)
        if (plan.arms, plan.shadows) == (ruling.arms, ruling.shadows):
            raise ExperimentInvalid("Tell other shares or other shadows: with these nothing would change.")
        made = msgspec.structs.replace(
            ruling,
            id=new_id(),
            at=now_us(),
            by=by,
            reason=reason or "other shares",
            arms=plan.arms,
            shadows=plan.shadows,
        )
        return self._decide(made, ruling)

    def stop(self, model: str, *, winner: int | None = None, by: str, reason: str = "") -> Rollout:
        """From now on the main version answers alone, or the winner; a promotion that is under way gives way to the former.

        Raises ExperimentNotFound, ExperimentInvalid where the winner took no part, and what a promotion raises.
        """
        ruling = self._running(model)
        number = ruling.version if winner is None else winner
        if number not in (*ruling.answering, *ruling.shadows):
            raise ExperimentInvalid(f"Version {number} takes no part in the experiment, and cannot win it.")
        said = f"version {number} won" if winner is not None else "stopped"
        made = Rollout(
            id=new_id(), at=now_us(), model=model, version=number, by=by, reason=f"{said}: {reason}" if reason else said
        )
        self._prove([number] if number not in ruling.answering else [], ruling)
        return self._switch.to(made, override=winner is None, instead_of=ruling.id)

    def _decide(self, rollout: Rollout, ruling: Rollout) -> Rollout:
        known = {*ruling.answering, *ruling.shadows}
        self._prove([one for one in dict.fromkeys((*rollout.answering, *rollout.shadows)) if one not in known], ruling)
        return self._switch.to(rollout, instead_of=ruling.id)

    def _prove(self, numbers: Sequence[int], ruling: Rollout) -> None:
        versions = [self._versions.find(ruling.model, number) for number in numbers]
        main = self._contract(self._versions.find(ruling.model, ruling.version)) if versions else None
        for version in versions:
            if version.status != "ready":
                raise VersionRejected(
                    f"Version {version.number} is {version.status} and cannot answer: {version.error}"
                )
            proved(self._versions, self._verify, version)
            if main is not None and not _alike(main, self._contract(version)):
                raise ExperimentInvalid(
                    f"Version {version.number} is asked other questions than version {ruling.version}, or answers in"
                    " another way: nobody could be asked in the place of the other."
                )

    def _ruling(self, model: str) -> Rollout:
        ruling = self._rollouts.ruling(model)
        if ruling is None:
            raise NothingReleased(model)
        return ruling

    def _running(self, model: str) -> Rollout:
        ruling = self._ruling(model)
        if ruling.experiment is None:
            raise ExperimentNotFound(model)
        return ruling

    def _name(self, model: str, told: str | None) -> str:
        """A name that no experiment on the model has had: the same name would draw the same subjects again."""
        known = {one.experiment for one in self._rollouts.history(model)}
        if told is None:
            return next(name for number in range(1, len(known) + 2) if (name := f"experiment-{number}") not in known)
        if not NAME.fullmatch(told):
            raise ExperimentInvalid("The name of an experiment is 1 to 64 letters, digits, '.', '_' and '-'.")
        if told in known:
            raise ExperimentInvalid(
                f"There has been an experiment {told!r} already; its subjects would fall to the same sides again."
            )
        return told


def check(plan: Plan, main: int) -> None:
    """Raises ExperimentInvalid where the plan breaks a rule."""
    fault = _fault_of_arms(plan.arms, main) if plan.arms or not plan.shadows else ""
    answering = [arm.version for arm in plan.arms] or [main]
    if not fault and (len(set(plan.shadows)) != len(plan.shadows) or set(plan.shadows) & set(answering)):
        fault = "A shadow is a version that does not answer, each told once."
    if not fault and len(plan.shadows) > MOST_SHADOWS:
        fault = f"An experiment has at most {MOST_SHADOWS} shadows."
    if not fault and plan.mode not in ("split", "all"):
        fault = 'The mode of an experiment is "split" or "all".'
    if fault:
        raise ExperimentInvalid(fault)


def _fault_of_arms(arms: Sequence[Arm], main: int) -> str:
    numbers = [arm.version for arm in arms]
    if not FEWEST_ARMS <= len(arms) <= MOST_ARMS or len(set(numbers)) != len(numbers):
        return (
            f"An experiment has {FEWEST_ARMS} to {MOST_ARMS} arms, each a version of its own, or shadows and no arms."
        )
    if main not in numbers:
        return f"One of the arms must be version {main}, which answers now."
    if not all(math.isfinite(arm.share) and arm.share > 0 for arm in arms):
        return "The share of an arm is a fraction above 0."
    total = math.fsum(arm.share for arm in arms)
    return "" if abs(total - 1) <= TOLERANCE else f"The shares of the arms come to {total:g}, and must come to 1."


def _alike(one: Contract, other: Contract) -> bool:
    """Whether both are asked the same fields and answer in the same way; ranges and words may differ."""
    asked, answered = (
        {name: (field.kind, field.nullable) for name, field in each.fields.items()} for each in (one, other)
    )
    return asked == answered and (one.target.name, one.target.labels) == (other.target.name, other.target.labels)


def _named(numbers: Sequence[int]) -> str:
    return " and ".join(map(str, numbers))
