"""`assay rescore`: kept inputs are scored now, while somebody watches."""

from __future__ import annotations

import click

from assay.cli.options import Asked, Verb, application, shared


@click.command(cls=Verb, short_help="Score kept inputs that are not scored yet.")
@application
@click.option("--no-wait", is_flag=True, help="Only queue it, for a worker of the server.")
@shared
def rescore(asked: Asked, *, no_wait: bool) -> None:
    """Score APP's kept inputs by every version that answers, as far as they are not scored yet.

    What failed is tried again. `assay serve` does the same by itself; where a worker is at it already, its progress is
    shown. Ctrl-C ends the sweep, and what it has scored stays. The exit status is 1 if something could not be scored.
    """
    from contextlib import closing

    from assay.app import Assay
    from assay.cli.views.items.rescored import queue, rescore_now

    with closing(Assay.at(asked.app, **asked.told)) as assay:
        if no_wait:
            queue(assay, asked.model, as_json=asked.as_json)
        elif not rescore_now(assay, asked.model, as_json=asked.as_json):
            click.get_current_context().exit(1)
