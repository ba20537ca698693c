"""Kept inputs as people and programs see them."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.text import Text

from assay.app import Assay
from assay.cli import show
from assay.clock import iso
from assay.domain.items.collection import Items
from assay.domain.items.item import Item
from assay.domain.items.score import Standing
from assay.errors import ApplicationInvalid

TIGHT = 80  # columns below which only the most telling ones have room


def all_items(
    assay: Assay, collection: str | None, *, limit: int, as_json: bool, prefix: str = "", after: str = ""
) -> None:
    """Items by name, each with what stands of it, and how many there are."""
    chosen = the_collection(assay, collection)
    found = assay.items.page(chosen.name, limit=limit + 1, prefix=prefix, after=after)
    shown, more = found[:limit], len(found) > limit
    standing = assay.latests.standing([one.id for one in shown])
    kept, refused = assay.items.counts().get(chosen.name, 0), assay.refusals.counts().get(chosen.name, 0)
    if as_json:
        told = [item_json(one) | {"standing": _standing_json(standing.get(one.id, []))} for one in shown]
        following = shown[-1].name if more else None
        show.tell_json({"collection": chosen.name, "kept": kept, "refused": refused, "items": told, "after": following})
    elif not shown:
        none = (
            "No item's name is like that."
            if prefix or after
            else "Nothing is kept yet; PUT a recording, or watch a folder."
        )
        show.notes().print(Text(none))
    else:
        show.console().print(_table(shown, standing))
        said = [f"{kept:,} kept"] + [f"{refused:,} watched files refused (--refused)"] * bool(refused)
        said += [f"more with --after {shown[-1].name}"] * more
        show.notes().print(Text(show.clean(", ".join(said)), style="dim"))


def all_refused(assay: Assay, collection: str | None, *, limit: int, as_json: bool, after: str = "") -> None:
    """Watched files that are no items, each with the reason."""
    chosen = the_collection(assay, collection)
    found = assay.refusals.page(chosen.name, limit=limit, after=after)
    if as_json:
        told = [{"name": one.name, "code": one.code, "error": one.error, "at": iso(one.at)} for one in found]
        show.tell_json({"collection": chosen.name, "refused": told})
    elif not found:
        show.notes().print(Text("No watched file is refused."))
    else:
        made = show.table("name", "refused", "because")
        for one in found:
            made.add_row(*show.row(one.name, show.moment(one.at), one.error))
        show.console().print(made)


def one_item(assay: Assay, collection: str | None, name: str, *, as_json: bool) -> None:
    """All about one item: what it is, what stands of it, and what had its name before."""
    chosen = the_collection(assay, collection)
    item = assay.items.find(chosen.name, name)
    standing = assay.latests.standing([item.id]).get(item.id, [])
    before = assay.items.revisions(chosen.name, name)[1:]
    if as_json:
        told = [item_json(one) | {"ended_at": iso(one.ended_at or 0), "ending": one.ending} for one in before]
        show.tell_json(item_json(item) | {"standing": _standing_json(standing), "before": told})
        return
    out = show.console()
    out.print(Text.assemble((show.clean(item.name), "bold"), f"  {item.collection}"))
    sound = item.sound
    channels = "mono" if sound.channels == 1 else f"{sound.channels} channels"
    notes = [("notes", ", ".join(sound.notes))] * bool(sound.notes)
    out.print(show.facts(
        ("duration", _duration(item)), ("format", f"{sound.format}, {sound.rate:,} Hz, {channels}"), *notes,
        ("size", f"{item.size:,} bytes"), ("sha256", item.digest), ("came", f"{show.moment(item.at)}, by {item.by or item.origin}"),
    ))  # fmt: skip
    _show_standing(chosen, standing)
    if before:
        made = show.table("before", "duration", "sha256", "ended")
        for one in before:
            made.add_row(
                *show.row(
                    show.moment(one.at),
                    _duration(one),
                    one.digest[:12] + "…",
                    f"{one.ending} {show.moment(one.ended_at or 0)}",
                )
            )
        out.print(made)


def the_collection(assay: Assay, name: str | None) -> Items:
    """The collection of this name, or the only one; raises CollectionNotFound or ApplicationInvalid."""
    if name is not None:
        return assay.application.collection(name)
    found = assay.application.items()
    if not found:
        raise ApplicationInvalid("model.py declares no assay.Items.")
    if len(found) > 1:
        raise ApplicationInvalid(
            f"This application has several collections; say --collection with one of {', '.join(found)}."
        )
    return next(iter(found.values()))


def item_json(item: Item) -> dict[str, Any]:
    """An item in full."""
    made = msgspec.structs.asdict(item)
    sound = msgspec.structs.asdict(made.pop("sound"))
    del made["place"], made["ended_at"], made["ending"]
    return made | sound | {"at": iso(item.at), "duration_seconds": item.sound.duration_s}


def _standing_json(standing: list[Standing]) -> list[dict[str, Any]]:
    return [{"model": one.model, "version": one.version, "run": one.run, "at": iso(one.at)} for one in standing]


def _table(items: list[Item], standing: dict[str, list[Standing]]) -> Any:
    wide = show.console().width >= TIGHT
    many = len({one.model for some in standing.values() for one in some}) > 1
    made = show.table("name", "duration", *["format"] * wide, "version", "scored", right=["duration"])
    for item in items:
        stands = standing.get(item.id, [])
        version = ", ".join(f"{one.model} {one.version}" if many else str(one.version) for one in stands) or "–"
        scored = show.moment(max(one.at for one in stands)) if stands else "not yet"
        cells = [item.name, _duration(item), *[f"{item.sound.format} {item.sound.rate:,} Hz"] * wide, version, scored]
        made.add_row(*show.row(*cells))
    return made


def _show_standing(collection: Items, standing: list[Standing]) -> None:
    made = show.table("model", "version", "scored", right=["version"])
    known = {one.model: one for one in standing}
    for model in collection.models:
        one = known.get(model.name)
        made.add_row(*show.row(model.name, str(one.version) if one else "–", show.moment(one.at) if one else "not yet"))
    show.console().print(made)


def _duration(item: Item) -> str:
    whole, rest = divmod(item.sound.duration_s, 60)
    return f"{item.sound.duration_s:.1f} s" if not whole else f"{whole:,.0f}m {rest:04.1f}s"
