"""`assay compare`: two versions on the same rows, and how sure the difference is."""

from __future__ import annotations

from pathlib import Path

import click

from assay.cli.options import MOST, Asked, Place, Verb, application, shared

MOST_ROWS = 20

NUMBER = click.IntRange(1, MOST)


@click.command(cls=Verb, short_help="Compare two versions on the same rows.")
@application
@click.argument("first", type=NUMBER, metavar="FIRST")
@click.argument("second", type=NUMBER, metavar="SECOND")
@click.option(
    "--data",
    type=Place(),
    metavar="PATH",
    help="Judge on all rows of this file, folder or glob.  [default: the rows held out]",
)
@click.option(
    "--rows",
    type=click.IntRange(0, MOST_ROWS),
    default=5,
    metavar="N",
    help=f"Show so many of the rows that change most, {MOST_ROWS} at most.  [default: 5]",
)
@shared
def compare(asked: Asked, *, first: int, second: int, data: Path | None, rows: int) -> None:
    """Compare version SECOND of APP's model with version FIRST.

    Both answer the rows that were held out when SECOND was trained, without those that either has learnt from. Each
    difference comes with its 95 % confidence interval; where that holds 0, these rows do not tell which is better.
    """
    from assay.app.comparing import compare as comparison
    from assay.cli.opened import opened
    from assay.cli.views.compared import show_comparison

    with opened(asked) as (assay, model):
        show_comparison(comparison(assay, model, first, second, data), rows=rows, as_json=asked.as_json)
