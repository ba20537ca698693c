"""`assay verdicts`, `watch`, `approve` and `replay`: what is found about versions, and about the answers they gave."""

from __future__ import annotations

import re
from typing import Any

import click

from assay.cli.options import Asked, Verb, application, number_argument, shared

AGE = re.compile(r"(\d{1,9})([smhd])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_REASON = 500


class Moment(click.ParamType[int]):
    """A time, or how long ago it was, as microseconds since 1970."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The time; fails with a usage error."""
        from assay.clock import now_us, parse_iso

        if isinstance(value, int):
            return value
        age = AGE.fullmatch(value)
        try:
            return now_us() - int(age[1]) * SECONDS[age[2]] * 1_000_000 if age else parse_iso(value)
        except (ValueError, OverflowError):
            told = "a time with a zone such as 2026-03-03T12:00:00Z, or an age such as 90s, 15m, 2h or 1d"
            self.fail(f"{value[:60]!r} must be {told}.", param, ctx)


class PredictionId(click.ParamType[str]):
    """A prediction's id."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id; fails with a usage error."""
        if not re.fullmatch("[0-9a-f]{32}", str(value)):
            self.fail("A prediction's id is 32 hexadecimal digits, as every answer carries it.", param, ctx)
        return str(value)


class Reason(click.ParamType[str]):
    """A sentence of somebody's own."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The sentence; fails with a usage error."""
        if len(value) > LONGEST_REASON or not value.isprintable():
            self.fail(f"A reason is one line of at most {LONGEST_REASON} characters.", param, ctx)
        return str(value)


@click.command(cls=Verb, short_help="Say what was found about versions before and after they answered.")
@application
@number_argument(required=False)
@shared
def verdicts(asked: Asked, *, number: int | None) -> None:
    """List the newest verdicts on the versions of APP's model; with NUMBER, every check of that version."""
    from assay.cli.opened import opened
    from assay.cli.views.verdicts import all_verdicts, verdicts_of_one

    with opened(asked) as (assay, model):
        if number is None:
            all_verdicts(assay, model, as_json=asked.as_json)
        else:
            verdicts_of_one(assay, model, number, as_json=asked.as_json)


@click.command(cls=Verb, short_help="Hold a version against the control set, now.")
@application
@number_argument(required=False)
@shared
def watch(asked: Asked, *, number: int | None) -> None:
    """Ask version NUMBER of APP's model, or the one that answers, about the control set, and judge what it says.

    The control set is the setting `control`, or else what was held out when the version was trained. The verdict is kept;
    nothing else changes. The exit status is 1 if a check fails.
    """
    from assay.app.watching.control import watch as watching
    from assay.cli.opened import opened
    from assay.cli.views.verdicts import asking, show_control

    with opened(asked) as (assay, model):
        with asking() as heard:
            found = watching(assay, model, number, by="assay watch", progress=heard)
        sound = show_control(found, as_json=asked.as_json)
    if not sound:
        click.get_current_context().exit(1)


@click.command(cls=Verb, short_help="Let a version answer that waits for a person's word.")
@application
@number_argument(required=True)
@click.option("--reason", type=Reason(), metavar="TEXT", default="", help="Why; it is kept with the decision.")
@shared
def approve(asked: Asked, *, number: int, reason: str) -> None:
    """Approve version NUMBER, which passed the gate and waits, and let it answer from now on."""
    from assay.app.judging import approve as approving
    from assay.cli.opened import opened
    from assay.cli.views.history import show_decision

    with opened(asked) as (assay, model):
        before = assay.rollouts.ruling(model.name)
        approving(assay, model, number, by="assay approve", reason=reason)
        said = f"approved: {reason}" if reason else "approved"
        decided = assay.promote(model.name, number, by="assay approve", reason=said)
        show_decision(before, decided, as_json=asked.as_json)


@click.command(cls=Verb, short_help="Ask recorded questions again, and compare the answers byte for byte.")
@application
@click.argument("prediction", type=PredictionId(), metavar="[PREDICTION_ID]", required=False)
@click.option(
    "--since",
    type=Moment(),
    metavar="TIME_OR_AGE",
    help="Answers given since 2026-03-03T12:00:00Z, or since 2h ago (s, m, h, d).  [default: all]",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many, the oldest first.")
@shared
def replay(asked: Asked, *, prediction: str | None, since: int | None, limit: int | None) -> None:
    """Ask the versions that gave APP's recorded answers the same questions again.

    With PREDICTION_ID that answer alone. The exit status is 1 if any answer differs by a byte, or cannot be given again.
    """
    from assay.app.replaying import replay as replay_one
    from assay.app.replaying import replay_since
    from assay.cli.opened import opened
    from assay.cli.views.replayed import progress, show_replay, show_replayed

    if prediction is not None and (since is not None or limit is not None):
        raise click.UsageError("Say either PREDICTION_ID, or --since and --limit.")
    with opened(asked) as (assay, model):
        if prediction is not None:
            same = show_replayed(replay_one(assay, model, prediction), model, as_json=asked.as_json)
        else:
            with progress() as heard:
                tally = replay_since(assay, model, since or 0, limit, heard)
            same = show_replay(tally, model, as_json=asked.as_json)
    if not same:
        click.get_current_context().exit(1)
