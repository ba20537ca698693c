"""`assay experiment`: several versions answer, each its share, and others are asked as well without being heard."""

from __future__ import annotations

import re
from typing import Any

import click

from assay.cli.options import MOST, Asked, Verb, application, shared

ACTIONS = ("start", "change", "status", "stop")
BY = "assay experiment"
SHARE = re.compile(r"([0-9]{1,9})=([0-9]*\.?[0-9]+)")
MEANT = {  # which options mean something to which action
    "arms": ("start", "change"), "shadows": ("start", "change"), "mode": ("start",), "name": ("start", "status"),
    "winner": ("stop",), "reason": ("start", "change", "stop"),
}  # fmt: skip
SAID = {"arms": "arm", "shadows": "shadow"}


class Share(click.ParamType[tuple[int, float]]):
    """A version and its share."""

    name = "share"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, float]:  # fmt: skip
        """The version and its share; fails with a usage error."""
        if isinstance(value, tuple):
            return value
        told = SHARE.fullmatch(str(value))
        if told is None or not 1 <= int(told[1]) <= MOST:
            self.fail(f"{str(value)[:40]!r} must be a version and its share, such as 3=0.5.", param, ctx)
        return int(told[1]), float(told[2])


@click.command(cls=Verb, short_help="Let several versions answer, each its share; shadows listen.")
@application
@click.argument("action", type=click.Choice(ACTIONS), default="status", metavar="[start|change|status|stop]")
@click.option(
    "--arm",
    "arms",
    type=Share(),
    multiple=True,
    metavar="NUMBER=SHARE",
    help="A version and the share of the subjects that it answers; the shares come to 1.",
)
@click.option(
    "--shadow",
    "shadows",
    type=click.IntRange(1, MOST),
    multiple=True,
    metavar="NUMBER",
    help="A version that is asked as well, afterwards, and not heard.",
)
@click.option(
    "--mode",
    type=click.Choice(("split", "all")),
    help="Share subjects and kept items among the arms, or let every arm score every kept item.  [default: split]",
)
@click.option("--name", metavar="NAME", help="The experiment's name, which decides who falls to which arm.")
@click.option("--winner", type=click.IntRange(1, MOST), metavar="NUMBER", help="Who answers alone from now on.")
@click.option("--reason", metavar="TEXT", help="Why, for the history.")
@shared
def experiment(asked: Asked, *, action: str, **told: Any) -> None:
    """Start, change, look at or stop an experiment on APP's model.

    Each subject, which the client names in X-Assay-Subject and is else the question itself, falls to one arm and stays
    with it. Shadows are asked afterwards what was asked. Without an action, or with `status`, tell what came of the
    experiment that runs, or ran last.
    """
    from assay.cli.opened import opened
    from assay.cli.views.experiments.shown import show_experiment, show_experiment_decision

    check(action, told)
    with opened(asked) as (assay, model):
        if action == "status":
            from assay.app.experiments.comparing import compare

            show_experiment(compare(assay, model.name, told["name"]), as_json=asked.as_json)
            return
        before = assay.ruling(model.name)
        decided = _decide(assay.experimenter, model.name, action, told)
        show_experiment_decision(before, decided, as_json=asked.as_json)


def check(action: str, told: dict[str, Any]) -> None:
    """Raises UsageError where an option means nothing to the action, or what it needs is missing."""
    for name, actions in MEANT.items():
        if told[name] not in (None, ()) and action not in actions:
            raise click.UsageError(f"--{SAID.get(name, name)} means nothing to `{action}`.")
    if action in ("start", "change") and not told["arms"] and not told["shadows"]:
        raise click.UsageError(
            f"Say who takes part: `{action}` needs --arm NUMBER=SHARE for each arm, or --shadow NUMBER."
        )


def _decide(experimenter: Any, model: str, action: str, told: dict[str, Any]) -> Any:
    from assay.domain.releases.rollout import Arm
    from assay.releasing.experiment import Plan

    why = {"by": BY, "reason": told["reason"] or ""}
    arms = tuple(Arm(version=number, share=share) for number, share in told["arms"])
    if action == "stop":
        return experimenter.stop(model, winner=told["winner"], **why)
    if action == "change":
        return experimenter.change(model, arms, told["shadows"] or None, **why)
    plan = Plan(name=told["name"], mode=told["mode"] or "split", arms=arms, shadows=told["shadows"])
    return experimenter.start(model, plan, **why)
