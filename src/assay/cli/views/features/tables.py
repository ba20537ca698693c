"""Feature tables as people and programs see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from rich.text import Text

from assay.cli import show
from assay.clock import iso
from assay.domain.features.entity import Entity

if TYPE_CHECKING:
    from assay.app import Assay
    from assay.app.features.loading import Loaded


def show_loaded(told: Loaded, *, as_json: bool) -> None:
    """What became of the rows, and what was wrong with the first that were refused."""
    if as_json:
        show.tell_json(msgspec.to_builtins(told))
        return
    kept, refused = told.kept, sum(told.refused.values())
    said = (
        f"{told.features}: {told.rows:,} rows from {told.source}: {kept.added:,} entities are new, {kept.changed:,} changed,"
        f" {kept.unchanged:,} are as they were."
    )
    out = show.console()
    out.print(Text(show.clean(said)), soft_wrap=True)
    if refused:
        why = ", ".join(f"{code} ({count:,})" for code, count in told.refused.items())
        out.print(
            Text(show.clean(f"{refused:,} {'row was' if refused == 1 else 'rows were'} refused: {why}."), style="red"),
            soft_wrap=True,
        )
        for one in told.examples:
            out.print(Text(show.clean(f"  {one}")), soft_wrap=True)


def show_tables(assay: Assay, *, as_json: bool) -> None:
    """Every table with its key, its features and how many entities it has."""
    found = assay.application.features()
    rows: list[dict[str, Any]] = [
        {"name": one.name, "key": one.key, "form": one.form, "features": list(one.fields),
         "entities": assay.features.count(one.name)}
        for one in found.values()
    ]  # fmt: skip
    if as_json:
        show.tell_json(rows)
        return
    made = show.table("table", "entities", "key", "features", right=["entities"])
    for row in rows:
        made.add_row(*show.row(row["name"], f"{row['entities']:,}", row["key"], ", ".join(row["features"])))
    show.console().print(made if rows else Text("model.py declares no assay.Features."))


def show_entities(found: Sequence[Entity], *, as_json: bool, many: bool) -> None:
    """States of an entity, each with what was known."""
    told = [entity_json(one) for one in found]
    if as_json:
        show.tell_json(told if many else told[0])
        return
    out = show.console()
    for one in found:
        since = f"{show.moment(one.at)} until {show.moment(one.ended_at) if one.ended_at is not None else 'now'}"
        values = ((name, "–" if value is None else str(value)) for name, value in one.values.items())
        out.print(show.facts(("entity", one.subject), ("known", since), ("by", one.by), *values))
        out.print()
    if not found:
        out.print(Text("Nothing was ever known of it."))


def entity_json(found: Entity) -> dict[str, Any]:
    """A state in full."""
    ended = None if found.ended_at is None else iso(found.ended_at)
    return msgspec.structs.asdict(found) | {"at": iso(found.at), "ended_at": ended}
