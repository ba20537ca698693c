"""`assay features`: feature tables are loaded, and what is and was known of an entity is shown."""

from __future__ import annotations

import getpass
from contextlib import closing
from typing import Any

import click

from assay.cli.options import Asked, Name, Source, Verb, application, home_option, json_option

BY = "assay features"
LONGEST_KEY = 128


class Moment(click.ParamType[int]):
    """A time."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The time in microseconds; fails with a usage error."""
        from assay.clock import parse_iso

        if isinstance(value, int):
            return value
        try:
            return parse_iso(str(value))
        except (ValueError, OverflowError):
            self.fail("A time is written such as 2026-03-03T12:00:00Z.", param, ctx)


@click.group(short_help="Load feature tables, and look entities up.")
def features() -> None:
    """What is known of entities (users, shops, devices), by which models learn and answer."""


@features.command(cls=Verb, short_help="Load a feature table from files or a query.")
@application
@click.argument("name", type=Name())
@click.option(
    "--data", type=Source(), metavar="PLACE", help="A file, folder, glob or address.  [default: APP's data.py]"
)
@click.option("--query", metavar="SQL", help="The query that gives the rows, where PLACE is a database.")
@json_option
@home_option
def load(asked: Asked, *, name: str, data: str | None, query: str | None) -> None:
    """Load APP's feature table NAME: each row is an entity's key and its features, which hold from now on.

    Rows that break a rule are refused one by one; who is as he was stays as he is, so that loading again costs little and
    goes on where it was stopped. A server that is running answers by the new features at once.
    """
    from assay.app import Assay
    from assay.app.features.loading import load as run
    from assay.cli.views.copies import progress
    from assay.cli.views.features.tables import show_loaded

    with closing(Assay.at(asked.app, **asked.told)) as assay:
        table = assay.application.table(name)
        with progress() as heard:
            told = run(assay, table, data, _by(), query=query or assay.settings.query, heard=_one_bar(heard))
        show_loaded(told, as_json=asked.as_json)


@features.command(name="list", cls=Verb, short_help="List the feature tables.")
@application
@json_option
@home_option
def tables(asked: Asked) -> None:
    """List APP's feature tables, with how many entities each has."""
    from assay.app import Assay
    from assay.cli.views.features.tables import show_tables

    with closing(Assay.at(asked.app, **asked.told)) as assay:
        show_tables(assay, as_json=asked.as_json)


@features.command(cls=Verb, short_help="Tell what is and was known of an entity.")
@application
@click.argument("name", type=Name())
@click.argument("key", type=Name())
@click.option("--as-of", type=Moment(), metavar="TIME", help="As it was known at this time (ISO 8601 with a zone).")
@click.option("--history", is_flag=True, help="Every state that it was in, the newest first.")
@json_option
@home_option
def show(asked: Asked, *, name: str, key: str, as_of: int | None, history: bool) -> None:
    """Tell what APP's feature table NAME knows of the entity KEY."""
    from assay.app import Assay
    from assay.cli.views.features.tables import show_entities

    if history and as_of is not None:
        raise click.UsageError("--history tells of all times; leave out --as-of.")
    with closing(Assay.at(asked.app, **asked.told)) as assay:
        table = assay.application.table(name)
        known = table.key_of(key)
        if history:
            found = assay.features.history(name, known, limit=1_000)
        elif as_of is not None:
            found = [assay.features.as_of(name, known, as_of)]
        else:
            found = [assay.features.find(name, known)]
        show_entities(found, as_json=asked.as_json, many=history)


def _one_bar(heard: Any) -> Any:
    """All chunks are one bar, whatever they are called."""
    return lambda _said, done, of: heard("rows", done, of)


def _by() -> str:
    try:
        return f"{BY} ({getpass.getuser()})"[:128]
    except (OSError, KeyError):  # a container may give its user no name
        return BY
