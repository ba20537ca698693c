"""What readers are given of an item: sets that stand, that stood at a time, or of a version, narrowed to what is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from assay.domain.answer import DECIMALS
from assay.domain.items.collection import GREATEST, Items, Wanted
from assay.domain.items.item import Item
from assay.domain.items.reading import Confidence, Reading
from assay.domain.items.score import Failure, Score
from assay.errors import ItemNotFound, ModelNotFound, ParameterInvalid
from assay.store.items.scores import Made
from assay.store.paging import MAX_LIMIT, Page, Window, page_of, read_cursor

if TYPE_CHECKING:
    from assay.app import Assay

Status = Literal["scored", "waiting", "failing"]
MOST_NAMED = 100


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An item with some of what was said of it: the sets in full, the newest first, and by which decision each stands.

    `status` is about the models that are asked for: "scored" if each has a set here, "failing" if one has none and could
    not make it, else "waiting".
    """

    item: Item
    status: Status
    sets: list[Score]
    decisions: dict[str, int]
    failures: list[Failure]


def names(assay: Assay, collection: Items, limit: int, after: str) -> list[str]:
    """At most `limit` names of items, sorted, of those that come after `after`; raises ParameterInvalid."""
    if not 1 <= limit <= MAX_LIMIT:
        raise ParameterInvalid("limit", f"must be a whole number from 1 to {MAX_LIMIT}")
    return [one.name for one in assay.items.page(collection.name, limit=limit, after=after)]


def readings(assay: Assay, collection: Items, name: str, wanted: Wanted) -> list[Reading]:
    """What stands of the item, or was asked for, one reading a model; as `Items.scores` has it."""
    bounds: tuple[tuple[str, float | None, int], ...] = (
        ("version", wanted.get("version"), 1), ("from_s", wanted.get("from_s"), 0), ("to_s", wanted.get("to_s"), 0),
    )  # fmt: skip
    for parameter, bound, low in bounds:
        if bound is not None and not low <= bound <= GREATEST:
            raise ParameterInvalid(parameter, f"must be from {low} to {GREATEST}")
    told = tell(assay, collection, name, wanted)
    return [reading_of(one, wanted) for one in told.sets]


def tell(assay: Assay, collection: Items, name: str, wanted: Wanted, run: int | None = None) -> Told:
    """What is asked for, not narrowed yet. Raises ItemNotFound, ModelNotFound or ParameterInvalid."""
    models = _models(collection, wanted.get("model"))
    latest = assay.latests.find(collection.name, name, wanted.get("model"))
    item, decisions = latest.item, dict[str, int]()
    if wanted.get("as_of") is not None:
        item, sets = _as_of(assay, collection, name, wanted)
    elif wanted.get("version") is not None or run is not None:
        made = assay.scores.made(item.id, model=wanted.get("model"), version=wanted.get("version"), run=run)
        sets = assay.scores.find([one.id for one in made if one.model in models])
    else:
        given = [one for one in latest.given if one.score.model in models]
        sets = sorted((one.score for one in given), key=lambda one: one.id, reverse=True)
        decisions = {one.score.id: one.standing.decision for one in given}
    _check_label(collection, sets, wanted.get("label"))
    silent = models - {one.model for one in sets}
    failing = silent & {one.model for one in latest.failures}
    return Told(
        item=item, status="failing" if failing else "waiting" if silent else "scored", sets=sets, decisions=decisions,
        failures=latest.failures,
    )  # fmt: skip


def tell_all(assay: Assay, collection: Items, name: str, wanted: Wanted) -> Told:
    """The newest set of every version, whether it stands or not; as `tell` has it."""
    models = _models(collection, wanted.get("model"))
    told = tell(assay, collection, name, wanted)
    made = assay.scores.made(told.item.id, model=wanted.get("model"))
    sets = assay.scores.find([one.id for one in made if one.model in models])
    return msgspec.structs.replace(told, sets=sets)


def part(sets: Sequence[Score], asked: Window) -> Page[Score]:
    """A page of sets that are sorted with the newest first; raises BadCursor."""
    before = None if asked.cursor is None else read_cursor(asked.cursor)
    return page_of([one for one in sets if before is None or one.id < before][: asked.limit + 1], asked)


def history(
    assay: Assay, collection: Items, name: str, asked: Window, model: str | None = None
) -> tuple[Page[Made], set[str]]:
    """Every set of every item that has the name or had it, in brief, and the ids of those that stand now.

    Raises ItemNotFound or ModelNotFound.
    """
    _models(collection, model)
    latest = assay.latests.find(collection.name, name, model)
    items = [one.id for one in assay.items.revisions(collection.name, name)]
    page = assay.scores.history(items, asked, model=model)
    return page, {one.score.id for one in latest.given}


def reading_of(score: Score, wanted: Wanted) -> Reading:
    """The set, narrowed to what is asked for."""
    return Reading(
        item=score.item, model=score.model, version=score.version, run=score.run, at=score.at, seconds=score.seconds,
        labels=score.labels, confidences=confidences_of(score, wanted),
    )  # fmt: skip


def confidences_of(score: Score, wanted: Wanted) -> tuple[Confidence, ...]:
    """What is told of the asked seconds and labels, by second and then label; what was not told is left out."""
    label, least = wanted.get("label"), wanted.get("min_confidence")
    first, last = math.ceil(wanted.get("from_s") or 0), wanted.get("to_s")
    labels = [name for name in score.labels if label is None or name == label]
    places = [score.labels.index(name) for name in labels]
    every = np.frombuffer(score.confidences, "<f4").reshape(-1, len(score.labels))
    within = every[first : None if last is None else math.ceil(last)][:, places]
    rounded = np.round(within.astype(np.float64), DECIMALS)  # a float32 of 0.9 is less than 0.9
    seconds, columns = np.nonzero(rounded >= (-1.0 if least is None else least))
    values = rounded[seconds, columns].tolist()
    return tuple(
        Confidence(label=labels[column], second=second, confidence=value)
        for second, column, value in zip((seconds + first).tolist(), columns.tolist(), values, strict=True)
    )


def _models(collection: Items, model: str | None) -> set[str]:
    """The models that are asked for; raises ModelNotFound."""
    known = {one.name for one in collection.models}
    if model is not None and model not in known:
        raise ModelNotFound(model)
    return known if model is None else {model}


def _check_label(collection: Items, sets: Sequence[Score], label: str | None) -> None:
    known = [
        *(name for model in collection.models for name in model.labels),
        *(one for kept in sets for one in kept.labels),
    ]
    if label is not None and label not in known:
        raise ParameterInvalid("label", f"must be one of {', '.join(dict.fromkeys(known[:MOST_NAMED]))}")


def _as_of(assay: Assay, collection: Items, name: str, wanted: Wanted) -> tuple[Item, list[Score]]:
    """The item that had the name at a time, and of each model the set that stood: of the newest decision that had one."""
    at = int(wanted.get("as_of") or 0)
    lived = (one for one in assay.items.revisions(collection.name, name) if one.at <= at < (one.ended_at or at + 1))
    item = next(lived, None)
    if item is None:
        raise ItemNotFound(collection.name, name)
    ids = []
    for model in _models(collection, wanted.get("model")):
        made = {one.version: one.id for one in assay.scores.made(item.id, model=model, until=at)}
        ruled = [one for one in assay.rollouts.history(model) if one.at <= at]
        standing: list[Any] = [made[chosen] for one in ruled if (chosen := one.choose(item.digest)) in made]
        ids += standing[:1]
    return item, assay.scores.find(ids)
