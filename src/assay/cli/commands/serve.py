"""`assay serve`: answers over HTTP until it is told to stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from assay.cli.options import Asked, Name, Source, Verb, application, home_option, json_option


@click.command(cls=Verb, short_help="Answer over HTTP.")
@application
@click.option("--host", type=Name(), metavar="H", help="The address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="P", help="The port; 0 takes a free one.  [default: 8000]"
)
@click.option(
    "--workers", type=click.IntRange(1, 256), metavar="N", help="Processes that share the port.  [default: 1]"
)
@click.option(
    "--open",
    "beyond",
    is_flag=True,
    default=None,
    help="Listen beyond this machine although anybody there can ask and read all.",
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    type=Name(),
    metavar="NAME",
    multiple=True,
    help="A host name that requests may carry; may be said several times.",
)
@click.option(
    "--data",
    type=Source(),
    metavar="PLACE",
    help="Watch this file, folder, glob or address for fresh rows, and train again when there are some.",
)
@click.option(
    "--drain-delay",
    "drain_delay_s",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long to go on accepting once told to stop.  [default: 5]",
)
@json_option
@home_option
def serve(asked: Asked, *, beyond: bool | None, **told: Any) -> None:
    """Serve APP over HTTP: the API, its documentation at /docs, and APP's own routes.

    Ends with Ctrl-C or SIGTERM once the requests in flight are answered; a second one ends it at once. SIGHUP, or
    `assay reload`, reads settings and code anew. Structured logs go to standard error.
    """
    from assay.web.server import serve as run
    from assay.web.server import tell

    given: dict[str, Any] = {**asked.told, "open": beyond, **told, "allowed_hosts": told["allowed_hosts"] or None}
    run(
        Path(asked.app),
        {name: value for name, value in given.items() if value is not None},
        _tell_json if asked.as_json else tell,
    )


def _tell_json(name: str, url: str) -> None:
    click.echo(json.dumps({"application": name, "url": url, "documentation": f"{url}/docs"}))
