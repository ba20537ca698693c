"""`assay versions`, `evaluate`, `promote` and `rollback`: the history, and who answers."""

from __future__ import annotations

from pathlib import Path

import click

from assay.cli.options import Asked, Place, Verb, application, number_argument, shared


@click.command(cls=Verb, short_help="List every version, or tell all about one.")
@application
@number_argument(required=False)
@shared
def versions(asked: Asked, *, number: int | None) -> None:
    """List every version of APP's model, failed ones too; with NUMBER, tell all about one."""
    from assay.cli.opened import opened
    from assay.cli.views.history import all_versions, one_version

    with opened(asked) as (assay, model):
        if number is None:
            all_versions(assay, model, as_json=asked.as_json)
        else:
            one_version(assay, model, number, as_json=asked.as_json)


@click.command(cls=Verb, short_help="Measure a version.")
@application
@number_argument(required=False)
@click.option(
    "--data",
    type=Place(),
    metavar="PATH",
    help="Judge on all rows of this file, folder or glob.  [default: the rows held out]",
)
@shared
def evaluate(asked: Asked, *, number: int | None, data: Path | None) -> None:
    """Measure the version that answers, or version NUMBER, and keep the result."""
    from assay.cli.opened import opened
    from assay.cli.views.history import show_evaluation

    with opened(asked) as (assay, model):
        show_evaluation(assay.evaluate(model, number, data), model, as_json=asked.as_json)


@click.command(cls=Verb, short_help="Let a version answer from now on.")
@application
@number_argument(required=True)
@click.option("--reason", metavar="TEXT", default="promoted by hand", help="Why, for the history.")
@click.option("--prove", is_flag=True, help="Ask the running server real questions meanwhile, and keep what was seen.")
@shared
def promote(asked: Asked, *, number: int, reason: str, prove: bool) -> None:
    """Let version NUMBER answer from now on.

    It is proved in a throwaway process and made ready in every process that answers; only then all switch. With --prove
    the exit status is 1 if a request failed or an answer was mixed.
    """
    from assay.cli.opened import opened
    from assay.cli.views.history import show_decision

    proof = None
    with opened(asked) as (assay, model):
        before = assay.rollouts.ruling(model.name)
        if prove:
            from assay.app.proving import promote_and_prove

            decided, proof = promote_and_prove(assay, model.name, number, by="assay promote", reason=reason)
        else:
            decided = assay.promote(model.name, number, by="assay promote", reason=reason)
        show_decision(before, decided, proof, as_json=asked.as_json)
    if proof is not None and not proof.holds:
        click.get_current_context().exit(1)


@click.command(cls=Verb, short_help="Let the version before answer again.")
@application
@click.option("--reason", metavar="TEXT", default="", help="Why, for the history.")
@shared
def rollback(asked: Asked, *, reason: str) -> None:
    """Let the version that answered before answer again; a promotion that is under way is given up."""
    from assay.cli.opened import opened
    from assay.cli.views.history import show_decision

    with opened(asked) as (assay, model):
        before = assay.rollouts.ruling(model.name)
        decided = assay.rollback(model.name, by="assay rollback", reason=reason)
        show_decision(before, decided, as_json=asked.as_json)
