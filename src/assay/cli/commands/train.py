"""`assay train`: every recipe on fresh rows, and what came of it."""

from __future__ import annotations

import click

from assay.cli.options import Asked, Name, Source, Verb, application, shared


@click.command(cls=Verb, short_help="Train every recipe, and let the best answer.")
@application
@click.option(
    "--data",
    type=Source(),
    metavar="PLACE",
    help="Rows to learn from: a file, folder, glob or address, or dataset:NAME.  [default: APP/data.py]",
)
@click.option(
    "--trials",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Trials of each tuned recipe, instead of its own number.",
)
@click.option(
    "--recipe",
    "recipes",
    type=Name(),
    metavar="NAME",
    multiple=True,
    help="Only this recipe; may be said several times.",
)
@click.option("--trust", is_flag=True, help="Learn from the rows even where they look defective.")
@click.option("--no-promote", is_flag=True, help="Keep the versions, and leave who answers as it is.")
@shared
def train(asked: Asked, *, data: str | None, trials: int | None, recipes: tuple[str, ...], **told: bool) -> None:
    """Train every recipe of APP, keep each run, and let the best that passes the gate answer.

    Progress is shown on standard error. The exit status is 1 only if no version is ready.
    """
    from assay.cli.opened import opened
    from assay.cli.views.trained import progress, show_run, tell_run
    from assay.training.run import Plan

    with opened(asked) as (assay, model):
        planned = [name for name, one in model.recipes.items() if (name in recipes if recipes else not one.by_name)]
        with progress(planned) as heard:
            plan = Plan(
                trials=trials, only=recipes, promote=not told["no_promote"], trust=told["trust"], progress=heard
            )
            run = assay.train(model, data, plan)
        show = tell_run if asked.as_json else show_run
        show(assay, model, run)
    if not any(version.status == "ready" for version in run.versions):
        click.get_current_context().exit(1)
