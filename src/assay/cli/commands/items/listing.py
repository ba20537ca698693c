"""`assay items`: which inputs are kept, and by which version each was scored."""

from __future__ import annotations

from typing import Any

import click

from assay.cli.options import Asked, Name, Verb, application, home_option, json_option

MOST_LISTED = 1_000
LONGEST = 255


class ItemName(click.ParamType[str]):
    """An item's name, which may be any text of one line."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name; fails with a usage error."""
        from assay.domain.items.name import fault_of

        told = fault_of(str(value))
        if told:
            self.fail(f"An item's name {told}.", param, ctx)
        return str(value)


@click.command(cls=Verb, short_help="List kept inputs, or tell all about one.")
@application
@click.argument("name", type=ItemName(), required=False)
@click.option("--collection", type=Name(), metavar="NAME", help="Of this collection, where there are several.")
@click.option("--prefix", metavar="TEXT", help="Only items whose names begin so.")
@click.option("--after", metavar="NAME", help="Only items whose names come after this one.")
@click.option("--refused", is_flag=True, help="List watched files that are no items, and why.")
@click.option(
    "--limit", type=click.IntRange(1, MOST_LISTED), default=20, metavar="N", help="At most so many.  [default: 20]"
)
@json_option
@home_option
def items(asked: Asked, *, name: str | None, **told: Any) -> None:
    """List APP's kept inputs by name, with the version whose scores readers are given; with NAME, tell all about one."""
    from contextlib import closing

    from assay.app import Assay
    from assay.cli.views.items.listing import all_items, all_refused, one_item

    listing = {key: told[key] for key in ("prefix", "after") if told[key] is not None}
    if name is not None and (listing or told["refused"]):
        raise click.UsageError(
            "--prefix, --after and --refused are for lists; leave them out where NAME names one item."
        )
    if told["refused"] and "prefix" in listing:
        raise click.UsageError("--prefix is for items; leave it out with --refused.")
    with closing(Assay.at(asked.app, **asked.told)) as assay:
        if name is not None:
            one_item(assay, told["collection"], name, as_json=asked.as_json)
        elif told["refused"]:
            all_refused(assay, told["collection"], limit=told["limit"], as_json=asked.as_json, **listing)
        else:
            all_items(assay, told["collection"], limit=told["limit"], as_json=asked.as_json, **listing)
