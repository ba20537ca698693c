"""`assay export`: the record as a table."""

from __future__ import annotations

from pathlib import Path

import click

from assay.cli.commands.judgement import Moment
from assay.cli.options import Asked, Place, Verb, application, shared

SUFFIX = ".parquet"


@click.command(cls=Verb, short_help="Write the record as a table.")
@application
@click.option("--out", type=Place(), metavar="PATH", required=True, help="Where the table goes: a Parquet file.")
@click.option(
    "--since",
    type=Moment(),
    metavar="TIME_OR_AGE",
    help="Only answers given since 2026-03-03T12:00:00Z, or since 2h ago (s, m, h, d).",
)
@click.option("--until", type=Moment(), metavar="TIME_OR_AGE", help="Only answers given before that.")
@click.option("--force", is_flag=True, help="Replace the file at PATH.")
@shared
def export(asked: Asked, *, out: Path, since: int | None, until: int | None, force: bool) -> None:
    """Write APP's recorded predictions as a table, with their versions, exchanges and outcomes.

    With --model those of that model, and each field of its questions as a column; else those of all models, with the
    questions as JSON. The server may run meanwhile. The file is there once it is whole, and not before.
    """
    if out.suffix.lower() != SUFFIX:
        raise click.UsageError(f"--out names a file ending in {SUFFIX}.")
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--until must be later than --since.")
    if out.exists() and not force:
        raise click.UsageError(f"{out} is there already; --force replaces it.")

    from contextlib import closing

    from assay.app import Assay
    from assay.app.record.exporting import export as exporting
    from assay.cli.views.exported import progress, show_exported

    with closing(Assay.at(asked.app, **asked.told)) as assay:
        model = None if asked.model is None else assay.application.model(asked.model)
        with progress() as heard:
            found = exporting(assay, model, out, since=since, until=until, on_progress=heard)
        show_exported(found, out, model, as_json=asked.as_json)
